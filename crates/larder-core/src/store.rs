//! The contract of a store: one object-level trait behind which every backend stands.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::aggregate::{AggregateQuery, Aggregated};
use crate::clock::Timestamp;
use crate::codec::Codec;
use crate::document::Document;
use crate::error::Result;
use crate::expr::Expr;
use crate::id::IdKey;
use crate::load::{Loads, Threat};
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
/// - A model asked for twice is the same [`Model`], cloned: what waits and loads in this process
///   meets there.
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

    /// The models that were made here, in order.
    fn models(&self) -> Vec<Model>;

    /// The present moment, by the clock that decides what has expired here.
    fn now(&self) -> Timestamp;

    /// Looks for one entry without waiting and without I/O.
    ///
    /// `Live` only where the object alone is wanted, `Timed` only where its times are; `Hit` may be
    /// said there too.
    fn probe(&self, model: &Model, id: &IdKey, want: Want) -> Probe;

    /// Brings entries by id, in the order asked.
    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>>;

    /// Stores entries, each whole or not at all. Outcomes come in the order given; where one id
    /// stands twice, the later one counts. What was stored ends every lease of its id, and a
    /// tombstone if its revision is later than that. A put under a lease ends that lease whatever
    /// comes of it. An object that has expired at once has left the model
    /// ([`still`](Self::still)).
    ///
    /// # Errors
    /// `Overloaded` if an object is larger than the store; `Encode` if one cannot be written;
    /// `Unsupported` for a guard where there are no [`leases`](Self::leases). All before
    /// anything is stored.
    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>>;

    /// Removes entries, or lets them expire; says for each whether there was a fresh object. Ends
    /// every lease of their ids, whether anything was there or not.
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

    /// Removes all that `selection` means, or lets it expire; says how many fresh objects that
    /// were, where the store knows: one without queries need not look for what has a tag, and says
    /// zero. Ends every lease under which something of the kind could be on its way.
    ///
    /// A store without queries may not know how many have a tag, and say none.
    ///
    /// What is stale counts as it would if it were fresh. That an object is absent is forgotten
    /// under every filter: nobody knows whether it would match.
    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Begins to watch whether objects that `expr` matches leave the model.
    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>>;

    /// Whether since the mark no object that its expression matches has left the model: removed,
    /// expired, evicted, or lost with the server that had it. An object that another one took the
    /// place of has not left. Where there are [`leases`](Self::leases), also whether no program
    /// has removed anything at all, there or not: what the source of that holds now, nobody knows;
    /// and whether no fence stands, or stood at the mark.
    /// `true` is certain; `false` may be said to be on the safe side.
    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>>;

    /// What programs that share the store agree by on who loads; `None` of a store that is this
    /// program's alone.
    fn leases(&self) -> Option<&dyn Leases>;

    /// What the store counts of the model.
    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>>;

    /// Stops all background work and refuses what comes after. Idempotent.
    fn close(&self) -> BoxFuture<'_, Result<()>>;
}

impl dyn CacheStore {
    /// Removes everything from all models that were made here; says how many objects. What is
    /// being loaded meanwhile is answered and not stored.
    ///
    /// On a store that programs share, models that only others have made stay.
    ///
    /// # Errors
    /// Those of the store; models before the one that failed are empty then.
    pub async fn clear_all(&self) -> Result<u64> {
        let mut removed = 0;
        for model in self.models() {
            let _under_way = model.loads().threaten(Threat::All).await;
            let all = self.remove_where(&model, &Selection::All, Fate::Remove);
            removed += all.await?;
        }
        Ok(removed)
    }
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
            fn models(&self) -> Vec<Model> {
                (**self).models()
            }
            fn now(&self) -> Timestamp {
                (**self).now()
            }
            fn probe(&self, model: &Model, id: &IdKey, want: Want) -> Probe {
                (**self).probe(model, id, want)
            }
            fn get_many<'a>(
                &'a self,
                model: &'a Model,
                ids: &'a [IdKey],
                want: Want,
            ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
                (**self).get_many(model, ids, want)
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
                selection: &'a Selection,
                fate: Fate,
            ) -> BoxFuture<'a, Result<u64>> {
                (**self).remove_where(model, selection, fate)
            }
            fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
                (**self).mark(model, expr)
            }
            fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
                (**self).still(model, mark)
            }
            fn leases(&self) -> Option<&dyn Leases> {
                (**self).leases()
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

/// How programs that share a store agree on who loads an entry, and how a load whose value was
/// overtaken by a write is kept from storing it.
///
/// A lease is both: while it lives others wait for its holder, and with it alone may the holder
/// store what it loaded ([`Put::guard`]). A lease that is lost, by a write, its time, or a server
/// that forgot it, means "not stored": the safe side. After Facebook's memcache leases (Nishtala
/// and others, 2013).
pub trait Leases: Send + Sync {
    /// Asks for leases, each for `lifetime`; answers come in the order asked.
    fn begin_many<'a>(
        &'a self,
        model: &'a Model,
        requests: &'a [LeaseRequest],
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Vec<Begin>>>;

    /// Gives leases back that nothing will be stored with. Those that are lost already are
    /// nobody's loss.
    fn release_many<'a>(
        &'a self,
        model: &'a Model,
        leases: &'a [(IdKey, Token)],
    ) -> BoxFuture<'a, Result<()>>;

    /// Puts a writer's own fence up before each id, for `lifetime` at the most: removes what is
    /// there, ends its lease, and grants none until every writer's fence is down. A fence is
    /// taken down by the [`Removal`] that names it.
    fn fence_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        fence: Token,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<()>>;

    /// Has, from now until then, what any program does to `model` end what of `pages` was made from
    /// it, in the same step. By the tags of [`deps`](crate::deps), of which these end:
    /// - with a put that is stored, a removal, or either if it is refused because a later revision
    ///   is known ([`Condition::IfNewer`], [`Tombstone`]), which a load may have brought: [`id_tag`], [`list_tag`], [`found_tag`] and
    ///   [`whole_tag`];
    /// - with a put under a guard, which changes nothing in the source: [`found_tag`], and
    ///   [`miss_tag`];
    /// - with a fence: as with a removal;
    /// - with [`remove_where`](CacheStore::remove_where): [`model_tag`].
    ///
    /// What is being loaded into `pages` meanwhile under a lease, and has such a tag, is not
    /// stored.
    ///
    /// [`id_tag`]: crate::deps::id_tag
    /// [`list_tag`]: crate::deps::list_tag
    /// [`found_tag`]: crate::deps::found_tag
    /// [`miss_tag`]: crate::deps::miss_tag
    /// [`whole_tag`]: crate::deps::whole_tag
    /// [`model_tag`]: crate::deps::model_tag
    fn depend<'a>(
        &'a self,
        model: &'a Model,
        pages: &'a Model,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<()>>;
}

/// What a load asks for before it begins.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    /// The id it would load.
    pub id: IdKey,
    /// The name of this lease, if it is granted.
    pub token: Token,
    /// The version that the caller has seen and wants replaced: not a hit.
    pub seen: Option<u64>,
}

/// The answer to a [`LeaseRequest`].
#[derive(Clone, Debug)]
pub enum Begin {
    /// There is a fresh entry: an object, or that there is none.
    Hit(Found),
    /// The lease is the caller's.
    Granted,
    /// Somebody else has it, for so long at the most.
    Wait(Duration),
    /// A writer's fence is up: what is loaded cannot be stored.
    Fenced,
}

/// The name of a lease or a fence, unlike any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u128);

impl Token {
    /// A new one, at random.
    pub fn random() -> Self {
        Self(fastrand::u128(..))
    }

    /// As a number.
    pub fn get(self) -> u128 {
        self.0
    }
}

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
    /// Whether there are [`leases`](CacheStore::leases).
    pub leases: bool,
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
            leases: false,
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
            leases: false,
        }
    }
}

/// A model that a store knows: made by `ensure_model`, handed to every other method.
#[derive(Clone, Debug)]
pub struct Model {
    schema: Arc<Schema>,
    number: u32,
    loads: Arc<Loads>,
}

impl Model {
    /// The model with the number that the store keeps it under. Made once; what the store gives
    /// out are clones.
    pub fn new(schema: Arc<Schema>, number: u32) -> Self {
        Self {
            schema,
            number,
            loads: Arc::default(),
        }
    }

    /// Its schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The number that the store gave it.
    pub fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn with_loads(schema: Arc<Schema>, number: u32, loads: Arc<Loads>) -> Self {
        Self {
            schema,
            number,
            loads,
        }
    }

    /// What is being loaded, by all caches of this model.
    pub(crate) fn loads(&self) -> &Arc<Loads> {
        &self.loads
    }
}

/// What a read by id wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// As `Fresh`, and of each nothing but the object.
    Object,
    /// As `Fresh`, and of each nothing but the object and its times. For [`probe`] alone, which
    /// may say that it does not know.
    ///
    /// [`probe`]: CacheStore::probe
    Times,
    /// Objects whose lifetime has not ended.
    Fresh,
    /// All that is kept: also objects that are stale by now, and that an object is absent. For
    /// loads; nobody else may show it to a caller.
    Kept,
}

/// The answer of a look that does not wait.
#[derive(Clone, Debug)]
pub enum Probe {
    /// Here it is.
    Hit(Found),
    /// Here it is, where nothing but the [object](Want::Object) was wanted.
    Live(Arc<dyn Object>),
    /// Here it is, where nothing but the object and [when](Want::Times) was wanted.
    Timed(Arc<dyn Object>, Times),
    /// It is nowhere in this store.
    Miss,
    /// To know takes `get_many`.
    Unknown,
}

/// The times of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// How long the load took that brought it, in nanoseconds.
    pub cost_nanos: u64,
    /// When this was seen, if the store asked its clock.
    pub seen_at: Option<Timestamp>,
}

/// An entry that a store found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The object, or that there is none.
    pub object: Stored,
    /// Changes with every write of the entry.
    pub version: u64,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// The tags it was stored with.
    pub tags: Tags,
    /// When it was written.
    pub created_at: Timestamp,
    /// How long it is kept behind its expiry, for loads to fall back on.
    pub stale_for: Duration,
    /// How long the load took that brought it; zero if none did.
    pub cost: Duration,
    /// The version of what it is a copy of, where its writer named one.
    pub revision: Option<u64>,
    /// When the store looked, if it looked at the clock for that.
    pub seen_at: Option<Timestamp>,
}

impl Found {
    /// Whether its lifetime has ended by `now`.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether it says that there is no object.
    pub fn is_absent(&self) -> bool {
        matches!(self.object, Stored::Absent)
    }

    /// Its times alone.
    pub fn times(&self) -> Times {
        Times {
            created_at: self.created_at,
            expires_at: self.expires_at,
            cost_nanos: u64::try_from(self.cost.as_nanos()).unwrap_or(u64::MAX),
            seen_at: self.seen_at,
        }
    }
}

/// An object as a store keeps it.
#[derive(Clone, Debug)]
pub enum Stored {
    /// The very object that was put.
    Live(Arc<dyn Object>),
    /// Bytes, and the codec that wrote them.
    Encoded(Bytes, Arc<dyn Codec>),
    /// Nothing: it is known that there is no such object.
    Absent,
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
    /// Only if nothing is known under this id whose revision is the put's or a later one: not
    /// what is there, fresh or stale, and not what a [`Removal`] with a revision left behind.
    IfNewer,
    /// As `IfNewer`, but over an entry of the put's own revision too: for loads, which may find
    /// that nothing has changed.
    IfNotOlder,
}

/// An entry to store.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its id.
    pub id: IdKey,
    /// The object, or that there is none.
    pub content: Content,
    /// How long it lives; never `Default`-resolved by the front below what the model says.
    pub lifetime: Lifetime,
    /// How long it is kept behind that, for loads to fall back on; without, as long as what it
    /// replaces would have been.
    pub stale_for: Option<Duration>,
    /// Its tags; without, those of what it replaces stay.
    pub tags: Option<Tags>,
    /// Whether to store it at all.
    pub condition: Condition,
    /// The version of what it is a copy of; without, the last one known under the id stays.
    pub revision: Option<u64>,
    /// How long the load took that brought it.
    pub cost: Duration,
    /// What must not have happened since its load began.
    pub guard: Option<Guard>,
    /// Where the store writes down what it took the place of, if it can tell.
    pub displaced: Option<Displaced>,
}

impl Put {
    /// An entry to store, whatever is there, for the lifetime that is the default.
    pub fn new(id: IdKey, content: Content) -> Self {
        Self {
            id,
            content,
            lifetime: Lifetime::Default,
            stale_for: Some(Duration::ZERO),
            tags: Some(Tags::default()),
            condition: Condition::Always,
            revision: None,
            cost: Duration::ZERO,
            guard: None,
            displaced: None,
        }
    }
}

/// The fresh object that a write took the place of or took away: told by the store, of that very
/// moment. A store that cannot tell says nothing.
#[derive(Clone, Debug, Default)]
pub struct Displaced(Arc<OnceLock<Option<Found>>>);

impl Displaced {
    /// Writes down what was there, if anything was.
    pub fn tell(&self, found: Option<Found>) {
        // Of one write there is one answer.
        let _ = self.0.set(found);
    }

    /// What was there: `None` if the store did not say.
    pub fn get(&self) -> Option<&Option<Found>> {
        self.0.get()
    }
}

/// What an entry holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// An object, and what of it is searched.
    Object(Arc<dyn Object>, Document),
    /// That there is none. It is no row: no filter, count or plain read sees it.
    Absent,
}

/// What keeps a load from storing what was overtaken by a write.
#[derive(Clone, Debug)]
pub enum Guard {
    /// It is stored only while this lease of its id lives.
    Lease(Token),
    /// It is stored only if its id has neither been written nor removed since.
    Since(Mark),
}

/// A moment of a model, as its store knows it again.
#[derive(Clone)]
pub struct Mark(Arc<dyn Any + Send + Sync>);

impl Mark {
    /// Wraps what the store has to remember.
    pub fn new(moment: impl Any + Send + Sync) -> Self {
        Self(Arc::new(moment))
    }

    /// What the store remembers, if it is of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        (*self.0).downcast_ref()
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark")
    }
}

/// What became of a [`Put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// Stored, under this version.
    Stored(u64),
    /// The condition did not hold; this version is there, if any object is.
    Refused(Option<u64>),
    /// The guard did not hold: a write came between.
    Outrun,
}

impl PutOutcome {
    /// Whether the object was stored.
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Stored(_))
    }
}

/// An entry to remove.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Its id.
    pub id: IdKey,
    /// Whether it goes for good.
    pub fate: Fate,
    /// Only if it has this version.
    pub if_version: Option<u64>,
    /// Only if what is known under the id has no later revision; and what has this one or an
    /// earlier one is not to come back.
    pub tombstone: Option<Tombstone>,
    /// The fence that was put up for this and comes down now.
    pub fence: Option<Token>,
    /// Where the store writes down what it took away, if it can tell.
    pub displaced: Option<Displaced>,
}

impl Removal {
    /// Removes whatever is there.
    pub fn new(id: IdKey) -> Self {
        Self {
            id,
            fate: Fate::Remove,
            if_version: None,
            tombstone: None,
            fence: None,
            displaced: None,
        }
    }
}

/// What a removal with a revision leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The revision under which the object was deleted.
    pub revision: u64,
    /// How long this is remembered. Writes that are later than that are not recognised.
    pub lifetime: Duration,
}

/// What becomes of an entry that is not to be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Remove,
    /// Its lifetime ends now; for loads to fall back on it is kept as long as it was stored to
    /// be.
    Expire,
}

/// Which entries of a model.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Those that the expression matches.
    Where(Expr),
    /// Those that have at least one of the tags.
    Tagged(Tags),
    /// All of them, tombstones too.
    All,
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
    /// Entries that are kept behind their expiry, for loads to fall back on.
    pub stale: u64,
    /// Entries that say that an object is absent.
    pub absent: u64,
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
