//! A store that behaves as one behind a network: it keeps bytes, and knows nothing at once.

use std::sync::Arc;

use larder_core::aggregate::{AggregateQuery, Aggregated};
use larder_core::codec::Codec;
use larder_core::expr::Expr;
use larder_core::query::{Answer, Query};
use larder_core::store::{
    BoxFuture, CacheStore, Capability, Content, Fate, Found, Leases, Lifetime, Mark, Model, Probe,
    Put, PutOutcome, Removal, Selection, StoreStats, Stored, Want,
};
use larder_core::{Clock, IdKey, Result, Schema, Timestamp};

use crate::reference::ReferenceStore;

/// The reference store with its objects as bytes and without probes: what a program sees of a
/// store on a server, leases and other programs too, with no server.
#[derive(Debug)]
pub struct EncodedStore {
    capability: Capability,
    codec: Arc<dyn Codec>,
    inner: ReferenceStore,
}

impl EncodedStore {
    /// An empty store that writes with `codec` and takes the time from `clock`.
    pub fn new(clock: impl Clock, codec: impl Codec) -> Self {
        let mut capability = Capability::complete("encoded");
        capability.authoritative_probe = false;
        capability.live_objects = false;
        capability.leases = true;
        Self {
            capability,
            codec: Arc::new(codec),
            inner: ReferenceStore::shared(clock),
        }
    }

    /// What another program sees that has opened the same store.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            capability: self.capability.clone(),
            codec: Arc::clone(&self.codec),
            inner: self.inner.another(),
        }
    }

    fn encoded(&self, mut found: Found) -> Result<Found> {
        if let Stored::Live(object) = &found.object {
            let bytes = object.encode(&*self.codec)?;
            found.object = Stored::Encoded(bytes, Arc::clone(&self.codec));
        }
        Ok(found)
    }
}

#[deny(clippy::missing_trait_methods)]
impl CacheStore for EncodedStore {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
        self.inner.ensure_model(schema)
    }

    fn models(&self) -> Vec<Model> {
        self.inner.models()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn probe(&self, _: &Model, _: &IdKey, _: Want) -> Probe {
        Probe::Unknown
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        Box::pin(async move {
            let found = self.inner.get_many(model, ids, want).await?;
            found
                .into_iter()
                .map(|found| found.map(|found| self.encoded(found)).transpose())
                .collect()
        })
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(async move {
            for put in &puts {
                if let Content::Object(object, _) = &put.content {
                    object.encode(&*self.codec)?;
                }
            }
            self.inner.put_many(model, puts).await
        })
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.remove_many(model, removals)
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.touch_many(model, ids, lifetime)
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let mut answer = self.inner.query(model, query).await?;
            for row in &mut answer.rows {
                row.found = row
                    .found
                    .take()
                    .map(|found| self.encoded(found))
                    .transpose()?;
            }
            Ok(answer)
        })
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        self.inner.aggregate(model, query)
    }

    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        self.inner.remove_where(model, selection, fate)
    }

    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
        self.inner.mark(model, expr)
    }

    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
        self.inner.still(model, mark)
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.inner.leases()
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        self.inner.stats(model)
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.close()
    }
}
