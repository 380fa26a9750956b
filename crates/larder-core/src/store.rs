//! The contract of a store: one object-level trait behind which every backend stands.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::aggregate::{AggregateQuery, Aggregated};
use crate::clock::Timestamp;
use crate::codec::Codec;
use crate::document::Document;
use crate::error::Result;
use crate::expr::Expr;
use crate::id::IdKey;
pub use crate::model::Object;
use crate::query::{Answer, Query};
use crate::schema::Schema;

/// A boxed future: what a dyn-safe trait can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store, shared: what caches are built on.
pub type Store = Arc<dyn CacheStore>;

/// A backend.
///
/// # Duties
/// - What `capability` denies answers `Unsupported`. A miss is `None`. Nothing is cut short
///   without the answer's `Extent` saying so.
/// - A write is seen by every read that begins after it returned.
/// - Expired, removed and evicted objects are in no answer and no count. Expiry is by the
///   store's injected clock, to the millisecond.
/// - A dropped connection is `Unavailable`, a passed deadline `Timeout`, a closed store
///   `Closed`.
/// - Dropping any returned future leaves the store whole: the operation was done entirely or not
///   at all, object by object.
/// - No method blocks the caller's thread for longer than a small computation takes.
///
/// There are no default bodies: a store that wraps another forwards each method knowingly.
pub trait CacheStore: fmt::Debug + Send + Sync + 'static {
    /// What this store can do. Constant over its life.
    fn capability(&self) -> &Capability;

    /// Creates or adopts the index of a model. Idempotent; concurrent callers agree.
    ///
    /// # Errors
    /// `InvalidModel` if another type or another version holds the name.
    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>>;

    /// Looks for one object without waiting and without I/O.
    fn probe(&self, model: &Model, id: &IdKey) -> Probe;

    /// Brings objects by id, in the order asked.
    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>>;

    /// Stores objects, each whole or not at all. Outcomes come in the order given; where one id
    /// stands twice, the later one counts.
    ///
    /// # Errors
    /// `Overloaded` if an object is larger than the store; `Encode` if one cannot be written.
    /// Both before anything is stored.
    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>>;

    /// Removes objects; says for each whether it was there.
    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Gives objects a new lifetime from now; says for each whether it was there.
    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Answers a query.
    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>>;

    /// Computes an aggregate.
    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>>;

    /// Removes all that `expr` means; says how many.
    fn remove_where<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<u64>>;

    /// Removes all objects of the model.
    fn clear<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<()>>;

    /// What the store counts of the model.
    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>>;

    /// Stops all background work and refuses what comes after. Idempotent.
    fn close(&self) -> BoxFuture<'_, Result<()>>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<S: CacheStore + ?Sized> CacheStore for $pointer<S> {
            fn capability(&self) -> &Capability {
                (**self).capability()
            }
            fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
                (**self).ensure_model(schema)
            }
            fn probe(&self, model: &Model, id: &IdKey) -> Probe {
                (**self).probe(model, id)
            }
            fn get_many<'a>(
                &'a self,
                model: &'a Model,
                ids: &'a [IdKey],
            ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
                (**self).get_many(model, ids)
            }
            fn put_many<'a>(
                &'a self,
                model: &'a Model,
                puts: Vec<Put>,
            ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
                (**self).put_many(model, puts)
            }
            fn remove_many<'a>(
                &'a self,
                model: &'a Model,
                removals: &'a [Removal],
            ) -> BoxFuture<'a, Result<Vec<bool>>> {
                (**self).remove_many(model, removals)
            }
            fn touch_many<'a>(
                &'a self,
                model: &'a Model,
                ids: &'a [IdKey],
                lifetime: Lifetime,
            ) -> BoxFuture<'a, Result<Vec<bool>>> {
                (**self).touch_many(model, ids, lifetime)
            }
            fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
                (**self).query(model, query)
            }
            fn aggregate<'a>(
                &'a self,
                model: &'a Model,
                query: &'a AggregateQuery,
            ) -> BoxFuture<'a, Result<Aggregated>> {
                (**self).aggregate(model, query)
            }
            fn remove_where<'a>(
                &'a self,
                model: &'a Model,
                expr: &'a Expr,
            ) -> BoxFuture<'a, Result<u64>> {
                (**self).remove_where(model, expr)
            }
            fn clear<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<()>> {
                (**self).clear(model)
            }
            fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
                (**self).stats(model)
            }
            fn close(&self) -> BoxFuture<'_, Result<()>> {
                (**self).close()
            }
        }
    )*};
}
forward!(Arc, Box);

/// What a store can do, as plain data. What is `false` answers `Unsupported`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a table of yes and no")]
#[non_exhaustive]
pub struct Capability {
    /// The store's name in messages and metrics.
    pub name: &'static str,
    /// Filters, sorts and pages.
    pub query: bool,
    /// Conditions on a text's words.
    pub text: bool,
    /// `within` as one of several conditions under `&`.
    pub geo: bool,
    /// `within` under `|` and `!` too.
    pub geo_anywhere: bool,
    /// Facets, counts and other aggregates.
    pub aggregate: bool,
    /// Writes on condition of a version or of absence.
    pub conditional_put: bool,
    /// Whether a probe's miss is final: nothing behind it could know more.
    pub authoritative_probe: bool,
    /// Whether objects are kept live, without being turned into bytes.
    pub live_objects: bool,
    /// Whether other processes see the same objects.
    pub shared: bool,
}

impl Capability {
    /// A store that can do nothing but hold objects by id.
    pub const fn objects_only(name: &'static str) -> Self {
        Self {
            name,
            query: false,
            text: false,
            geo: false,
            geo_anywhere: false,
            aggregate: false,
            conditional_put: false,
            authoritative_probe: false,
            live_objects: false,
            shared: false,
        }
    }

    /// A store in this process that can do everything here.
    pub const fn complete(name: &'static str) -> Self {
        Self {
            name,
            query: true,
            text: true,
            geo: true,
            geo_anywhere: true,
            aggregate: true,
            conditional_put: true,
            authoritative_probe: true,
            live_objects: true,
            shared: false,
        }
    }
}

/// A model that a store knows: made by `ensure_model`, handed to every other method.
#[derive(Clone, Debug)]
pub struct Model {
    schema: Arc<Schema>,
    number: u32,
}

impl Model {
    /// The model with the number that the store keeps it under.
    pub fn new(schema: Arc<Schema>, number: u32) -> Self {
        Self { schema, number }
    }

    /// Its schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The number that the store gave it.
    pub fn number(&self) -> u32 {
        self.number
    }
}

/// The answer of a look that does not wait.
#[derive(Clone, Debug)]
pub enum Probe {
    /// Here it is.
    Hit(Found),
    /// It is nowhere in this store.
    Miss,
    /// To know takes `get_many`.
    Unknown,
}

/// An object that a store found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The object.
    pub object: Stored,
    /// Changes with every write of the object.
    pub version: u64,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// The tags it was stored with.
    pub tags: Tags,
}

/// An object as a store keeps it.
#[derive(Clone, Debug)]
pub enum Stored {
    /// The very object that was put.
    Live(Arc<dyn Object>),
    /// Bytes, and the codec that wrote them.
    Encoded(Bytes, Arc<dyn Codec>),
}

/// The tags of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Option<Arc<[String]>>);

impl Tags {
    /// These tags, in order and without repeats.
    pub fn new<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Self {
        let mut tags: Vec<String> = tags.into_iter().map(Into::into).collect();
        tags.sort();
        tags.dedup();
        Self((!tags.is_empty()).then(|| tags.into()))
    }

    /// The tags.
    pub fn as_slice(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// How long an entry lives, from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// As the cache, the model or the store has it, in this order.
    #[default]
    Default,
    /// Until it is removed or evicted.
    Forever,
    /// So long. Zero: it has expired at once.
    For(Duration),
    /// Until what it replaces would have expired.
    Keep,
}

/// Whether a write takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It does.
    #[default]
    Always,
    /// Only if there is no such object.
    IfAbsent,
    /// Only if there is such an object.
    IfPresent,
    /// Only if the object there has this version.
    IfVersion(u64),
}

/// An object to store.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its id.
    pub id: IdKey,
    /// The object.
    pub object: Arc<dyn Object>,
    /// What of it is searched.
    pub document: Document,
    /// How long it lives; never `Default`-resolved by the front below what the model says.
    pub lifetime: Lifetime,
    /// Its tags; without, those of what it replaces stay.
    pub tags: Option<Tags>,
    /// Whether to store it at all.
    pub condition: Condition,
}

/// What became of a [`Put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// Stored, under this version.
    Stored(u64),
    /// The condition did not hold; this version is there, if any object is.
    Refused(Option<u64>),
}

impl PutOutcome {
    /// Whether the object was stored.
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Stored(_))
    }
}

/// An object to remove.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Its id.
    pub id: IdKey,
    /// Only if it has this version.
    pub if_version: Option<u64>,
}

/// What a store counts of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Objects that are there now.
    pub objects: u64,
    /// Bytes that they take, entries and index together, estimated.
    pub bytes: u64,
    /// Bytes of them that the index takes, measured where the engine tells.
    pub index_bytes: u64,
    /// Objects that wait to be taken into the index. They are found all the same.
    pub pending: u64,
    /// Parts that the index is made of.
    pub segments: u64,
    /// Objects evicted for lack of room so far.
    pub evictions: u64,
    /// Objects that were dropped because they had expired, so far.
    pub expirations: u64,
    /// Times that the index took in what was pending, so far.
    pub flushes: u64,
    /// Failures of background work so far; what failed is tried again.
    pub background_errors: u64,
    /// Reads by id that were answered as misses since the server could not be reached, so far, of
    /// all models; only where the store was told to do so.
    pub failed_reads: u64,
    /// Things under the model's keys that were no objects of Larder's, so far; each was a miss
    /// and was removed.
    pub foreign: u64,
    /// Objects that the engine below refused to index.
    pub indexing_failures: u64,
}

/// Fails to compile should any of these lose `Send` or `Sync`.
const _: () = {
    const fn is_shared<T: Send + Sync + ?Sized>() {}
    is_shared::<dyn CacheStore>();
    is_shared::<Found>();
    is_shared::<Query>();
    is_shared::<crate::error::Error>();
};
