//! A store that can do less than the one below it, and says so.

use std::sync::Arc;

use larder_core::aggregate::{AggregateQuery, Aggregated};
use larder_core::expr::{Expr, Leaf};
use larder_core::query::{Answer, Query};
use larder_core::store::{
    BoxFuture, CacheStore, Capability, Condition, Fate, Found, Leases, Lifetime, Mark, Model,
    Probe, Put, PutOutcome, Removal, Selection, StoreStats, Want,
};
use larder_core::{Error, ErrorKind, IdKey, Result, Schema, Store, Timestamp};

/// A store held to a smaller capability: what that denies is `Unsupported`, the rest goes to the
/// store below. For programs that have to work on lesser stores too, and for the rules themselves.
#[derive(Clone, Debug)]
pub struct LimitedStore {
    capability: Capability,
    inner: Store,
}

impl LimitedStore {
    /// `inner`, as far as `capability` goes. What the two say of probes, objects and sharing
    /// should be the same.
    pub fn new(inner: impl Into<Store>, capability: Capability) -> Self {
        Self {
            capability,
            inner: inner.into(),
        }
    }

    fn need(&self, there: bool, what: &str) -> Result<()> {
        if there {
            return Ok(());
        }
        let message = format!("this store has no {what}; its capability says so");
        Err(Error::new(ErrorKind::Unsupported, message).with_store(self.capability.name))
    }

    fn allows(&self, expr: &Expr) -> Result<()> {
        self.need(self.capability.query, "queries")?;
        let parts = match expr {
            Expr::And(parts) => &**parts,
            single => std::slice::from_ref(single),
        };
        parts
            .iter()
            .try_for_each(|part| self.allows_part(part, true))
    }

    fn allows_part(&self, expr: &Expr, top: bool) -> Result<()> {
        match expr {
            Expr::All | Expr::Nothing => Ok(()),
            Expr::And(parts) | Expr::Or(parts) => parts
                .iter()
                .try_for_each(|part| self.allows_part(part, false)),
            Expr::Literal { leaf, negated } => {
                self.need(
                    self.capability.text || !leaf.is_text(),
                    "conditions on words",
                )?;
                let is_geo = matches!(leaf, Leaf::Within(..));
                self.need(self.capability.geo || !is_geo, "conditions on points")?;
                let anywhere = self.capability.geo_anywhere || (top && !negated);
                self.need(anywhere || !is_geo, "`within` under `|` and `!`")
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl CacheStore for LimitedStore {
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

    fn probe(&self, model: &Model, id: &IdKey, want: Want) -> Probe {
        self.inner.probe(model, id, want)
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        self.inner.get_many(model, ids, want)
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(async move {
            let plain = puts.iter().all(|put| put.condition == Condition::Always);
            self.need(
                self.capability.conditional_put || plain,
                "writes on condition",
            )?;
            let unguarded = puts.iter().all(|put| put.guard.is_none());
            self.need(self.capability.leases || unguarded, "leases")?;
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
            self.allows(&query.expr)?;
            self.inner.query(model, query).await
        })
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        Box::pin(async move {
            self.need(self.capability.aggregate, "aggregates")?;
            self.allows(&query.expr)?;
            self.inner.aggregate(model, query).await
        })
    }

    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            if let Selection::Where(expr) = selection {
                self.allows(expr)?;
            }
            self.inner.remove_where(model, selection, fate).await
        })
    }

    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
        Box::pin(async move {
            self.allows(expr)?;
            self.inner.mark(model, expr).await
        })
    }

    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
        self.inner.still(model, mark)
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.inner.leases().filter(|_| self.capability.leases)
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        self.inner.stats(model)
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.close()
    }
}
