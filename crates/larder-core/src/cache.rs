//! The typed front: `Cache<M>` over any store.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::codec;
use crate::counters::{Counters, LoadStats};
use crate::deps::{self, Scope, Side};
use crate::document::Document;
use crate::error::{Error, ErrorKind, Invalid, Result};
use crate::expr::Expr;
use crate::filter::Filter;
use crate::find::Find;
use crate::id::{Id, IdKey, IdLike};
use crate::load::{Loads, Threat};
use crate::model::{CacheModel, Object, Patch};
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::schema::Schema;
use crate::store::{
    Condition, Content, Fate, Found, Lifetime, Model, Probe, Put, PutOutcome, Removal, Selection,
    Store, StoreStats, Stored, Tags, Tombstone, Want,
};

/// How often `update` and `patch` begin anew when another writer comes between.
const UPDATE_ATTEMPTS: usize = 1_024;

/// How many loads of a model may be on their way at a time, unless the cache says otherwise.
const MAX_LOADS: usize = 10_000;

/// How long a removal with a version is remembered, unless the cache says otherwise.
const TOMBSTONE_TTL: Duration = Duration::from_secs(300);

/// The objects of one model in one store: by id, and by what they hold.
///
/// Cloning is cheap; clones are the same cache. All methods may be called from any thread or
/// task at once. A write is seen by every read that begins after it returned.
///
/// # Cancel safety
/// Dropping the future of any method leaves the cache whole: each object was written entirely
/// or not at all.
pub struct Cache<M> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    store: Store,
    model: Model,
    lifetime: Lifetime,
    policy: Policy,
    runtime: Option<Arc<dyn Runtime>>,
    max_loads: usize,
    tombstone_ttl: Duration,
    counters: Counters,
    last_undecodable: Mutex<Option<Arc<str>>>,
    marker: std::marker::PhantomData<fn() -> M>,
}

impl<M> Clone for Cache<M> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<M> fmt::Debug for Cache<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("model", &self.inner.model.schema().name())
            .field("store", &self.inner.store.capability().name)
            .finish()
    }
}

/// Puts a [`Cache`] together.
#[derive(Debug)]
#[must_use]
pub struct CacheBuilder<M> {
    store: Store,
    name: Option<String>,
    lifetime: Lifetime,
    policy: Policy,
    runtime: Option<Arc<dyn Runtime>>,
    max_loads: usize,
    tombstone_ttl: Duration,
    marker: std::marker::PhantomData<fn() -> M>,
}

impl<M: CacheModel> CacheBuilder<M> {
    /// How long an object lives unless its own write says otherwise; in place of the model's.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.lifetime = Lifetime::For(ttl);
        self
    }

    /// Objects live until they are removed or evicted, whatever the model or the store say.
    pub fn no_expiry(mut self) -> Self {
        self.lifetime = Lifetime::Forever;
        self
    }

    /// How loads go and what they bring is served, unless a call has a policy of its own.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Where loads run; without, in the Tokio runtime that their caller is in.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// How many loads of the model may be on their way at a time, in all caches of it in this
    /// process; one more is `Overloaded`. 10,000 unless said otherwise.
    pub fn max_loads(mut self, most: usize) -> Self {
        self.max_loads = most;
        self
    }

    /// How long a removal with a version is remembered, so that an older object cannot come back:
    /// longer than any write of one may be late. Five minutes unless said otherwise.
    pub fn tombstone_ttl(mut self, ttl: Duration) -> Self {
        self.tombstone_ttl = ttl;
        self
    }

    /// The model's name in the store, in place of its own: for one type in several caches.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes the cache, and its index in the store if there is none yet.
    ///
    /// # Errors
    /// `InvalidConfig`: a lifetime of zero, no loads at all, or a policy that a cache without
    /// lifetimes cannot follow. `InvalidModel`: a declaration that breaks a rule, or
    /// a name that another type or version holds.
    pub async fn build(self) -> Result<Cache<M>> {
        if self.lifetime == Lifetime::For(Duration::ZERO) {
            return Err(Error::invalid_config(
                "a ttl of zero would store nothing; leave it out for no expiry",
            ));
        }
        let schema = Arc::new(M::schema(self.name.as_deref().unwrap_or(M::NAME))?);
        let lifetime = match (self.lifetime, schema.ttl()) {
            (Lifetime::Default, Some(ttl)) => Lifetime::For(ttl),
            (lifetime, _) => lifetime,
        };
        if self.max_loads == 0 {
            return Err(Error::invalid_config(
                "max_loads of zero would load nothing",
            ));
        }
        if let (Lifetime::Forever, None, Some(option)) =
            (lifetime, self.policy.ttl, self.policy.needs_lifetime())
        {
            return Err(Error::invalid_config(format!(
                "the policy has {option}, and nothing in this cache ever ends; give one of the two a ttl"
            ))
            .with_model(schema.name()));
        }
        if let (Lifetime::For(ttl), Some(idle)) = (lifetime, self.policy.idle)
            && idle >= ttl
        {
            return Err(Error::invalid_config(
                "a time_to_idle that is not shorter than the cache's ttl never ends anything",
            )
            .with_model(schema.name()));
        }
        let model = self.store.ensure_model(&schema).await?;
        let counters = Counters::new(schema.name(), self.store.capability().name);
        Ok(Cache {
            inner: Arc::new(Inner {
                counters,
                store: self.store,
                model,
                lifetime,
                policy: self.policy,
                runtime: self.runtime,
                max_loads: self.max_loads,
                tombstone_ttl: self.tombstone_ttl,
                last_undecodable: Mutex::new(None),
                marker: std::marker::PhantomData,
            }),
        })
    }
}

/// What a write may be told besides the object.
#[derive(Clone, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct PutOptions {
    lifetime: Lifetime,
    tags: Tags,
    condition: Condition,
    version: Option<u64>,
    stale_for: Option<Duration>,
}

impl PutOptions {
    /// How long the object lives, from now. Zero: it has expired at once.
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.lifetime = Lifetime::For(ttl);
        self
    }

    /// How long the object lives.
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Tags to store it with.
    pub fn with_tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = Tags::new(tags);
        self
    }

    /// Whether to store it at all.
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// The version of the object in its source, a row version say or a commit's position. It is
    /// stored only if that is later than all that is known under its id, a removal too.
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self.condition = Condition::IfNewer;
        self
    }

    /// How long the object is kept behind its expiry, for loads to fall back on; in place of what
    /// the cache's policy says.
    pub fn with_stale_for(mut self, window: Duration) -> Self {
        self.stale_for = Some(window);
        self
    }
}

/// What a cache and its store count. Numbers of one moment need not fit each other to the last
/// unit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Reads by id that found their object, in this cache and its clones.
    pub hits: u64,
    /// Reads by id that found none.
    pub misses: u64,
    /// Objects whose stored bytes could not be read; each was a miss and was removed.
    pub undecodable: u64,
    /// Why the last of them could not be read. Where every read of a model ends so, its type does
    /// not suit the store's codec: see [`codec`].
    pub last_undecodable: Option<Arc<str>>,
    /// What was loaded.
    pub loads: LoadStats,
    /// What the store counts.
    pub store: StoreStats,
}

impl<M: CacheModel> Cache<M> {
    /// Begins to put a cache together on `store`.
    pub fn builder(store: impl Into<Store>) -> CacheBuilder<M> {
        CacheBuilder {
            store: store.into(),
            name: None,
            lifetime: Lifetime::Default,
            policy: Policy::default(),
            runtime: None,
            max_loads: MAX_LOADS,
            tombstone_ttl: TOMBSTONE_TTL,
            marker: std::marker::PhantomData,
        }
    }

    /// The object with this id; `None` if it is not there.
    ///
    /// Where the store holds live objects this neither waits nor copies: the `Arc` is the one
    /// that was put.
    ///
    /// # Errors
    /// Those of the store. Bytes that cannot be read are a miss, counted, and removed.
    pub async fn get<Q: IdLike<M::Id> + ?Sized>(&self, id: &Q) -> Result<Option<Arc<M>>> {
        let key = id.key();
        if deps::is_recording() {
            return Box::pin(self.get_within(key)).await;
        }
        let want = match self.inner.policy.idle {
            None => Want::Object,
            Some(_) => Want::Fresh,
        };
        match self.inner.store.probe(&self.inner.model, &key, want) {
            Probe::Live(object) | Probe::Timed(object, _) => {
                self.count_read(true);
                typed(object).map(Some)
            }
            Probe::Hit(found) => Box::pin(self.get_far(key, Some(found))).await,
            Probe::Miss => {
                self.count_read(false);
                Ok(None)
            }
            Probe::Unknown => Box::pin(self.get_far(key, None)).await,
        }
    }

    /// A read that is taken down.
    async fn get_within(&self, key: IdKey) -> Result<Option<Arc<M>>> {
        let scope = deps::current().unwrap_or_default();
        let found = self.fetch_within(&scope, &key).await?;
        self.read(&key, found).await
    }

    /// What of `get` may have to wait, apart, so that what need not stays small.
    async fn get_far(&self, key: IdKey, found: Option<Found>) -> Result<Option<Arc<M>>> {
        let found = match found {
            Some(found) => Some(found),
            None => self.fetch(&key).await?,
        };
        self.read(&key, found).await
    }

    /// The object of what was found by a plain read, which counts, and keeps it awake.
    async fn read(&self, key: &IdKey, found: Option<Found>) -> Result<Option<Arc<M>>> {
        let object = match found {
            Some(found) => self.open(key, found).await?,
            None => None,
        };
        self.count_read(object.is_some());
        if let Some((_, found)) = &object {
            self.keep_awake(key, found, &self.inner.policy).await;
        }
        Ok(object.map(|(object, _)| object))
    }

    /// The object with this id if it can be had without waiting. `None` may mean that only
    /// [`get`](Self::get) can tell.
    ///
    /// Within a [scope](crate::deps) nothing can be had without waiting.
    pub fn peek<Q: IdLike<M::Id> + ?Sized>(&self, id: &Q) -> Option<Arc<M>> {
        if deps::is_recording() {
            return None;
        }
        let object = match self
            .inner
            .store
            .probe(&self.inner.model, &id.key(), Want::Object)
        {
            Probe::Live(object) | Probe::Timed(object, _) => typed(object).ok(),
            Probe::Hit(found) => decode(&found).ok(),
            Probe::Miss | Probe::Unknown => None,
        };
        self.count_read(object.is_some());
        object
    }

    /// The objects with these ids, in the order asked; `None` for each that is not there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get_many<'q, Q: IdLike<M::Id> + ?Sized + 'q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
    ) -> Result<Vec<Option<Arc<M>>>> {
        let keys: Vec<IdKey> = ids.into_iter().map(IdLike::key).collect();
        let scope = deps::current();
        if let Some(scope) = &scope {
            scope.reads_ids(self, &keys, true).await;
        }
        let found = self
            .inner
            .store
            .get_many(&self.inner.model, &keys, Want::Fresh)
            .await?;
        let mut objects = Vec::with_capacity(found.len());
        for (key, found) in keys.iter().zip(found) {
            match (&scope, &found) {
                (Some(scope), Some(found)) => scope.found(self, key, found).await,
                (Some(scope), None) => scope.missed(self.model(), key),
                (None, _) => {}
            }
            objects.push(self.read(key, found).await?);
        }
        Ok(objects)
    }

    /// Stores an object under its id, in place of any that is there.
    ///
    /// # Errors
    /// `InvalidModel` if the model's hook refuses it or a field holds what no index can hold;
    /// `Overloaded` if it is larger than the store. What was there before stays then.
    pub async fn put(&self, object: impl Into<Arc<M>>) -> Result<()> {
        self.put_with(object, PutOptions::default()).await.map(drop)
    }

    /// Stores an object as `options` say, and says what became of it.
    ///
    /// # Errors
    /// As [`put`](Self::put). A condition that does not hold is an outcome, not an error.
    pub async fn put_with(
        &self,
        object: impl Into<Arc<M>>,
        options: PutOptions,
    ) -> Result<PutOutcome> {
        let put = self.prepare(object.into(), &options, Some(options.tags.clone()))?;
        self.store_one(put).await
    }

    /// Stores many objects. All are checked before any is stored. Where an id stands twice, the
    /// later object counts.
    ///
    /// # Errors
    /// As [`put`](Self::put), with nothing stored if a check fails.
    pub async fn put_many<O: Into<Arc<M>>>(
        &self,
        objects: impl IntoIterator<Item = O>,
    ) -> Result<()> {
        self.put_many_with(objects, PutOptions::default())
            .await
            .map(drop)
    }

    /// Stores many objects as `options` say; outcomes come in their order.
    ///
    /// # Errors
    /// As [`put_many`](Self::put_many).
    pub async fn put_many_with<O: Into<Arc<M>>>(
        &self,
        objects: impl IntoIterator<Item = O>,
        options: PutOptions,
    ) -> Result<Vec<PutOutcome>> {
        let puts = objects
            .into_iter()
            .map(|object| self.prepare(object.into(), &options, Some(options.tags.clone())))
            .collect::<Result<Vec<_>>>()?;
        self.store_many(puts).await
    }

    /// Stores an object if `version`, that of it in its source, is later than all that is known
    /// under its id: of what is there, and of what [`remove_if_newer`](Self::remove_if_newer)
    /// removed. An equal or older version changes nothing, so that writes may come in any order.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn put_if_newer(
        &self,
        object: impl Into<Arc<M>>,
        version: u64,
    ) -> Result<PutOutcome> {
        self.put_with(object, PutOptions::default().with_version(version))
            .await
    }

    /// Stores many objects as [`put_if_newer`](Self::put_if_newer) does, each by its own version.
    ///
    /// # Errors
    /// As [`put_many`](Self::put_many).
    pub async fn put_many_if_newer<O: Into<Arc<M>>>(
        &self,
        objects: impl IntoIterator<Item = (O, u64)>,
    ) -> Result<Vec<PutOutcome>> {
        let puts = objects
            .into_iter()
            .map(|(object, version)| {
                let options = PutOptions::default().with_version(version);
                self.prepare(object.into(), &options, Some(Tags::default()))
            })
            .collect::<Result<Vec<_>>>()?;
        self.store_many(puts).await
    }

    /// Removes the object with this id; says whether it was there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove<Q: IdLike<M::Id> + ?Sized>(&self, id: &Q) -> Result<bool> {
        Ok(self.remove_many([id]).await? == 1)
    }

    /// Removes the objects with these ids; says how many were there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_many<'q, Q: IdLike<M::Id> + ?Sized + 'q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
    ) -> Result<u64> {
        let removals = ids.into_iter().map(|id| Removal::new(id.key()));
        self.remove_ids(removals.collect()).await
    }

    /// Removes the object with this id, deleted in its source at `version`, unless a later
    /// version of it is known; says whether it was there. For a while nothing of that version or
    /// an earlier one is stored by [`put_if_newer`](Self::put_if_newer).
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_if_newer<Q: IdLike<M::Id> + ?Sized>(
        &self,
        id: &Q,
        version: u64,
    ) -> Result<bool> {
        let mut removal = Removal::new(id.key());
        removal.tombstone = Some(Tombstone {
            revision: version,
            lifetime: self.inner.tombstone_ttl,
        });
        Ok(self.remove_ids(vec![removal]).await? == 1)
    }

    /// Lets the object with this id expire now; says whether it was there. To all readers it is
    /// gone. Where it was stored to be kept behind its expiry ([`Policy`]), a load that fails can
    /// still fall back on it, unlike after [`remove`](Self::remove); and under
    /// `stale_while_revalidate` a load serves it while it is loaded anew.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn expire<Q: IdLike<M::Id> + ?Sized>(&self, id: &Q) -> Result<bool> {
        Ok(self.expire_many([id]).await? == 1)
    }

    /// Lets the objects with these ids expire now; says how many were there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn expire_many<'q, Q: IdLike<M::Id> + ?Sized + 'q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
    ) -> Result<u64> {
        let removals = ids.into_iter().map(|id| Removal {
            fate: Fate::Expire,
            ..Removal::new(id.key())
        });
        self.remove_ids(removals.collect()).await
    }

    /// Removes the objects that have at least one of these tags; says how many.
    ///
    /// What is being loaded meanwhile and turns out to have one is answered and not stored.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_tagged<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<u64> {
        self.depart(Selection::Tagged(Tags::new(tags)), Fate::Remove)
            .await
    }

    /// Lets the objects that have at least one of these tags expire now; says how many. See
    /// [`expire`](Self::expire).
    ///
    /// # Errors
    /// Those of the store.
    pub async fn expire_tagged<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<u64> {
        self.depart(Selection::Tagged(Tags::new(tags)), Fate::Expire)
            .await
    }

    /// Removes what the filter means, as [`find`](Self::find)`(filter).remove()` does: for
    /// writes to the source that went past the cache. Name what the rows were and what they are.
    ///
    /// # Errors
    /// As [`Find::remove`].
    pub async fn invalidate_where(
        &self,
        filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    ) -> Result<u64> {
        self.find(filter).remove().await
    }

    /// Whether there is an object with this id. Counts neither as a hit nor as a miss.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn contains<Q: IdLike<M::Id> + ?Sized>(&self, id: &Q) -> Result<bool> {
        let key = id.key();
        if let Some(scope) = deps::current() {
            return Ok(self.fetch_within(&scope, &key).await?.is_some());
        }
        Ok(
            match self
                .inner
                .store
                .probe(&self.inner.model, &key, Want::Object)
            {
                Probe::Hit(_) | Probe::Live(_) | Probe::Timed(..) => true,
                Probe::Miss => false,
                Probe::Unknown => self.fetch(&key).await?.is_some(),
            },
        )
    }

    /// Gives the object a new lifetime from now; says whether it was there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn touch<Q: IdLike<M::Id> + ?Sized>(&self, id: &Q, ttl: Duration) -> Result<bool> {
        let touched = self
            .inner
            .store
            .touch_many(&self.inner.model, &[id.key()], Lifetime::For(ttl))
            .await?;
        Ok(touched.into_iter().any(|touched| touched))
    }

    /// Changes the object with this id, if it is there, and returns it as it is now.
    ///
    /// What is not there is told to be changed all the same, as by [`remove`](Self::remove): no
    /// load that began before stores it.
    ///
    /// `change` works on a copy. Should another writer come between, it is called again on what
    /// that one wrote, so no write is lost. Lifetime and tags stay.
    ///
    /// # Errors
    /// As [`put`](Self::put); `InvalidModel` if `change` changed the id; `Conflict` if 1,024
    /// attempts in a row were outrun.
    pub async fn update<Q: IdLike<M::Id> + ?Sized>(
        &self,
        id: &Q,
        mut change: impl FnMut(&mut M) + Send,
    ) -> Result<Option<Arc<M>>>
    where
        M: Clone,
    {
        self.rewrite(&id.key(), None, &mut |object| {
            change(object);
            Ok(())
        })
        .await
    }

    /// Applies a patch to the object with this id, if it is there, and returns it as it is now.
    ///
    /// Should another writer come between, the patch is applied again, and so it has to be
    /// `Clone`, which it is where its fields are.
    ///
    /// # Errors
    /// As [`update`](Self::update); `InvalidModel` if the patch sets a field to null that cannot
    /// be missing.
    pub async fn patch<Q: IdLike<M::Id> + ?Sized>(
        &self,
        id: &Q,
        patch: M::Patch,
    ) -> Result<Option<Arc<M>>>
    where
        M: Clone,
        M::Patch: Clone + Send,
    {
        self.rewrite(&id.key(), None, &mut move |object| {
            patch.clone().apply(object)
        })
        .await
    }

    /// The objects that the filter means: the beginning of a query, an update or a removal.
    ///
    /// ```
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize, larder_derive::CacheModel)]
    /// # #[cache(crate = larder_core)]
    /// # struct User {
    /// #     #[cache(id)]
    /// #     id: u64,
    /// #     #[cache(text)]
    /// #     name: String,
    /// #     #[cache(index)]
    /// #     roles: Vec<String>,
    /// #     #[cache(sort)]
    /// #     joined: i64,
    /// # }
    /// # async fn example(users: &larder_core::Cache<User>) -> larder_core::Result<()> {
    /// let page = users
    ///     .find(|u| u.name.prefix("jo") & !u.roles.contains("bot"))
    ///     .sort(|u| u.joined.desc())
    ///     .page(3, 20)
    ///     .fetch()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn find(&self, filter: impl FnOnce(M::Fields<M>) -> Filter<M>) -> Find<'_, M> {
        Find::new(self, filter(M::FIELDS))
    }

    /// All objects, by id.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn all(&self) -> Result<Vec<Arc<M>>> {
        Ok(self.find(|_| Filter::all()).fetch().await?.items)
    }

    /// How many objects there are.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn count(&self) -> Result<u64> {
        self.find(|_| Filter::all()).count().await
    }

    /// Whether there is any object.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn exists(&self) -> Result<bool> {
        self.find(|_| Filter::all()).exists().await
    }

    /// Removes all objects of this model, and all that is remembered of others. What is being
    /// loaded meanwhile is answered and not stored.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn clear(&self) -> Result<()> {
        self.depart(Selection::All, Fate::Remove).await.map(drop)
    }

    /// Lets all objects of this model expire now. See [`expire`](Self::expire).
    ///
    /// # Errors
    /// Those of the store.
    pub async fn expire_all(&self) -> Result<u64> {
        self.depart(Selection::All, Fate::Expire).await
    }

    /// What the cache and its store count.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stats(&self) -> Result<Stats> {
        let store = self.inner.store.stats(&self.inner.model).await?;
        let counters = &self.inner.counters;
        let stats = Stats {
            hits: counters.hits.get(),
            misses: counters.misses.get(),
            undecodable: counters.undecodable.get(),
            last_undecodable: self.inner.last_undecodable.lock().clone(),
            loads: counters.loads(self.loads().entries.live() + self.loads().lists.live()),
            store,
        };
        counters.tell(&stats);
        Ok(stats)
    }

    /// The model's schema.
    pub fn schema(&self) -> &Schema {
        self.inner.model.schema()
    }

    /// The store below.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The model as the store knows it.
    pub fn model(&self) -> &Model {
        &self.inner.model
    }

    pub(crate) fn count_read(&self, hit: bool) {
        let counters = &self.inner.counters;
        if hit {
            &counters.hits
        } else {
            &counters.misses
        }
        .add(1);
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        self.inner.lifetime
    }

    pub(crate) fn own_runtime(&self) -> Option<&Arc<dyn Runtime>> {
        self.inner.runtime.as_ref()
    }

    pub(crate) fn max_loads(&self) -> usize {
        self.inner.max_loads
    }

    pub(crate) fn loads(&self) -> &Arc<Loads> {
        self.inner.model.loads()
    }

    /// A plain read, taken down.
    async fn fetch_within(&self, scope: &Scope, key: &IdKey) -> Result<Option<Found>> {
        scope.reads_ids(self, std::slice::from_ref(key), true).await;
        let found = self.fetch(key).await?;
        match &found {
            Some(found) => scope.found(self, key, found).await,
            None => scope.missed(self.model(), key),
        }
        Ok(found)
    }

    async fn fetch(&self, key: &IdKey) -> Result<Option<Found>> {
        let keys = std::slice::from_ref(key);
        let found = self
            .inner
            .store
            .get_many(&self.inner.model, keys, Want::Fresh)
            .await?;
        Ok(found.into_iter().next().flatten())
    }

    pub(crate) fn prepare(
        &self,
        object: Arc<M>,
        options: &PutOptions,
        tags: Option<Tags>,
    ) -> Result<Put> {
        let schema = self.inner.model.schema();
        object
            .validate()
            .map_err(|invalid| Error::from(invalid).with_model(schema.name()))?;
        let document = Document::of(schema, &*object)?;
        let mut put = Put::new(object.id_key(), Content::Object(object, document));
        put.lifetime = match (options.lifetime, self.inner.policy.idle) {
            (Lifetime::Default, idle) => match (self.inner.lifetime, idle) {
                (Lifetime::For(ttl), Some(idle)) => Lifetime::For(ttl.min(idle)),
                (_, Some(idle)) => Lifetime::For(idle),
                (lifetime, None) => lifetime,
            },
            (lifetime, _) => lifetime,
        };
        // What keeps its tags keeps its fallback too.
        let window = options.stale_for.unwrap_or(self.inner.policy.stale_for());
        put.stale_for = tags.is_some().then_some(window);
        put.tags = tags;
        put.condition = options.condition;
        put.revision = options.version;
        Ok(put)
    }

    async fn store_many(&self, mut puts: Vec<Put>) -> Result<Vec<PutOutcome>> {
        let ids = puts.iter().map(|put| put.id.clone()).collect();
        let over = puts.iter().any(ends_at_once);
        let told = self.before_put(&mut puts);
        let _under_way = self.loads().write(ids, over).await;
        let outcomes = self.inner.store.put_many(&self.inner.model, puts).await?;
        told.put(&outcomes).await?;
        Ok(outcomes)
    }

    async fn store_one(&self, put: Put) -> Result<PutOutcome> {
        let outcomes = self.store_many(vec![put]).await?;
        outcomes
            .into_iter()
            .next()
            .ok_or_else(|| Error::internal("the store said nothing of the object it was given"))
    }

    pub(crate) async fn remove_ids(&self, removals: Vec<Removal>) -> Result<u64> {
        self.remove_known(removals, Vec::new()).await
    }

    /// Removes rows, of the first of which is known or not what it was and is in its source.
    pub(crate) async fn remove_known(
        &self,
        mut removals: Vec<Removal>,
        known: Vec<(Option<Side>, Option<Side>)>,
    ) -> Result<u64> {
        let ids = removals.iter().map(|removal| removal.id.clone()).collect();
        let told = self.before_removal(&mut removals, known);
        let _under_way = self.loads().write(ids, true).await;
        let removed = self.inner.store.remove_many(&self.inner.model, &removals);
        let removed = removed.await?;
        told.removed().await?;
        Ok(removed.into_iter().filter(|gone| *gone).count() as u64)
    }

    pub(crate) async fn depart(&self, selection: Selection, fate: Fate) -> Result<u64> {
        let threat = match &selection {
            Selection::Where(expr) => Threat::Where(Arc::new(expr.clone())),
            Selection::Tagged(tags) => Threat::Tags(tags.clone()),
            Selection::All => Threat::All,
        };
        let told = self.before_all();
        let _under_way = self.loads().threaten(threat).await;
        let store = &self.inner.store;
        let gone = store
            .remove_where(&self.inner.model, &selection, fate)
            .await?;
        told.all().await?;
        Ok(gone)
    }

    /// The typed object behind `found`. Bytes that cannot be read are removed, unless something
    /// else stands there by now, and are a miss.
    pub(crate) async fn open(&self, key: &IdKey, found: Found) -> Result<Option<(Arc<M>, Found)>> {
        match decode(&found) {
            Ok(object) => Ok(Some((object, found))),
            Err(error) if error.kind() == ErrorKind::Decode => {
                self.inner.counters.undecodable.add(1);
                let reason = error.with_model(self.schema().name()).to_string();
                *self.inner.last_undecodable.lock() = Some(reason.into());
                let mut removal = Removal::new(key.clone());
                removal.if_version = Some(found.version);
                self.inner
                    .store
                    .remove_many(&self.inner.model, &[removal])
                    .await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads, changes and writes one object until no other writer comes between. With `only`,
    /// an object that does not (or no longer) match is left alone.
    pub(crate) async fn rewrite(
        &self,
        key: &IdKey,
        only: Option<&Expr>,
        change: &mut (dyn FnMut(&mut M) -> Result<(), Invalid> + Send),
    ) -> Result<Option<Arc<M>>>
    where
        M: Clone,
    {
        let schema = self.inner.model.schema();
        for _ in 0..UPDATE_ATTEMPTS {
            let Some(found) = self.fetch(key).await? else {
                if only.is_none() {
                    // It was changed in its source, then: what is being loaded, and what is known
                    // of lists, is from before.
                    self.remove_ids(vec![Removal::new(key.clone())]).await?;
                }
                return Ok(None);
            };
            let Some((object, found)) = self.open(key, found).await? else {
                return Ok(None);
            };
            if let Some(expr) = only
                && !expr.matches(&Document::of(schema, &*object)?)
            {
                return Ok(None);
            }
            let mut copy = M::clone(&object);
            change(&mut copy).map_err(|invalid| Error::from(invalid).with_model(schema.name()))?;
            let changed = Arc::new(copy);
            if changed.id_key() != *key {
                return Err(Error::invalid_model(
                    "an update may not change the id; put the object under its new id and remove the old one",
                )
                .with_model(schema.name()));
            }
            let options = PutOptions::default()
                .with_lifetime(Lifetime::Keep)
                .with_condition(Condition::IfVersion(found.version));
            let put = self.prepare(Arc::clone(&changed), &options, None)?;
            if self.store_one(put).await?.is_stored() {
                return Ok(Some(changed));
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!("{UPDATE_ATTEMPTS} attempts to update one object were outrun by other writers; try again later"),
        )
        .with_model(schema.name()))
    }

    pub(crate) fn id_of(&self, key: &IdKey) -> Result<M::Id> {
        M::Id::from_key(key).ok_or_else(|| {
            Error::internal("a stored id is not of the model's id type")
                .with_model(self.inner.model.schema().name())
        })
    }
}

/// Whether an entry is over as soon as it is stored: its source has it, and no list will.
pub(crate) fn ends_at_once(put: &Put) -> bool {
    matches!(put.lifetime, Lifetime::For(time) if time < Duration::from_millis(1))
}

/// The typed object behind `found`: the very same where it is live, read from bytes elsewhere.
pub(crate) fn decode<M: CacheModel>(found: &Found) -> Result<Arc<M>> {
    match &found.object {
        Stored::Live(object) => typed(Arc::clone(object)),
        Stored::Encoded(bytes, codec) => codec::decode(&**codec, bytes).map(Arc::new),
        Stored::Absent => Err(Error::internal(
            "the store brought the absence of an object as one",
        )),
    }
}

pub(crate) fn typed<M: CacheModel>(object: Arc<dyn Object>) -> Result<Arc<M>> {
    let any: Arc<dyn Any + Send + Sync> = object;
    any.downcast().map_err(|_| {
        Error::internal(format!(
            "the store holds an object that is no `{}`",
            std::any::type_name::<M>()
        ))
    })
}
