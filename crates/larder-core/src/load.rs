//! Loads: what is brought from elsewhere into a cache, once however many callers wait for it.
//!
//! Every load runs in a task of its own: a caller that goes away takes nothing with it. A load of
//! one id is a batch of one. In this process the flight table sees to it that nothing is stored
//! that a write has overtaken; on a store that others share, its leases do.

mod fill;
mod table;
mod task;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use self::task::Led;
use crate::cache::{Cache, decode, typed};
use crate::clock::{Timestamp, whole_millis};
use crate::counters::Staleness;
use crate::deps;
use crate::error::{Error, ErrorKind, Result};
use crate::flight::{Follow, Joined};
use crate::id::{IdKey, IdLike};
use crate::model::CacheModel;
use crate::policy::Policy;
use crate::runtime::{Runtime, TokioRuntime};
use crate::store::{BoxFuture, CacheStore, Found, Lifetime, Object, Probe, Stored, Times, Want};

pub(crate) use self::fill::failure;
pub use self::fill::{FillContext, LoadError, Loaded};
pub(crate) use self::table::{Disturbance, Landing, Loads, Threat};
pub(crate) use self::task::searched;

/// A loader of some ids, its types forgotten; one of a list is given none.
pub(crate) type Bring<M> = Box<
    dyn FnOnce(
            Vec<<M as CacheModel>::Id>,
            FillContext<M>,
        ) -> BoxFuture<'static, Result<Vec<Arc<M>>>>
        + Send,
>;

/// How often who joined a load on a shared store that kept nothing loads or joins once more.
pub(crate) const JOINED_ROUNDS: usize = 3;

/// What is known of a key when a load of it is asked for.
enum Looked {
    /// This.
    Found(Option<Found>),
    /// This, which is to be loaded anew in the background.
    Eager(Found),
    /// This, which is to be loaded whatever it is.
    Anew(Option<Found>),
}

/// What a first look at a hit says.
enum Glance {
    Serve,
    Eager,
    /// It takes another look.
    More,
}

/// What a caller has of a key.
enum Answer<M> {
    Ready(Option<Arc<M>>),
    /// With what is served should the load fail, and whether others had begun it.
    Waiting(Follow<Landing, Threat>, Option<Arc<M>>, bool),
    /// Too many are being loaded.
    Full,
}

/// The loader of one id as a loader of some.
fn one<M, L, Fut, T, E>(load: L) -> Bring<M>
where
    M: CacheModel,
    L: FnOnce(M::Id, FillContext<M>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Loaded<M>,
    E: LoadError,
{
    Box::new(move |ids, fill| {
        let work = ids.into_iter().next().map(|id| load(id, fill));
        Box::pin(async move {
            let Some(work) = work else {
                return Ok(Vec::new());
            };
            let loaded = work.await.map_err(failure)?;
            Ok(loaded.into_loaded().into_iter().collect())
        })
    })
}

/// The loader of some ids, or of a list.
pub(crate) fn many<M, L, Fut, T, R, E>(load: L) -> Bring<M>
where
    M: CacheModel,
    L: FnOnce(Vec<M::Id>, FillContext<M>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: IntoIterator<Item = T>,
    T: Loaded<M>,
    E: LoadError,
{
    Box::new(move |ids, fill| {
        let work = load(ids, fill);
        Box::pin(async move {
            let loaded = work.await.map_err(failure)?;
            Ok(loaded.into_iter().filter_map(T::into_loaded).collect())
        })
    })
}

/// Loads made anew every so often, as long as this lives. See [`Cache::refresh_every`].
#[derive(Debug)]
#[must_use = "dropped, it ends what it stands for"]
pub struct Refresher {
    _wanted: Arc<()>,
}

/// What a read found, as a policy sees it.
enum Verdict<M> {
    /// Answered.
    Serve(Option<Arc<M>>),
    /// Answered, and to be loaded anew in the background.
    Refresh(Arc<M>, u64),
    /// To be loaded; with what may be served if that fails.
    Load(Option<Arc<M>>),
    /// To be loaded whatever is there: this version of it.
    Reload(Option<Arc<M>>, Option<u64>),
}

fn only<T>(mut answers: Vec<T>) -> Result<T> {
    let only = answers.pop();
    only.ok_or_else(|| Error::internal("a load of one id answered none"))
}

impl<M: CacheModel> Cache<M> {
    /// The object with this id: from the cache, or else from `load`, which is then stored.
    ///
    /// However many callers ask at once, `load` runs once, in a task of its own: it goes on if
    /// its caller is dropped. `None` if it finds nothing; that is remembered too, for a while
    /// (negative caching). What a write, a removal or an invalidation has overtaken while it
    /// was loaded is answered and not stored.
    ///
    /// # Errors
    /// `Loader`, with the loader's error as its source, to all who wait; also if it panics.
    /// `Timeout`, `Overloaded` and others as the [`Policy`] has it. A store that cannot be reached is passed by.
    ///
    /// # Cancel safety
    /// A dropped caller changes nothing: the load goes on for the others, and is stored.
    ///
    /// ```
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize, larder_derive::CacheModel)]
    /// # #[cache(crate = larder_core)]
    /// # struct User {
    /// #     #[cache(id)]
    /// #     id: u64,
    /// # }
    /// # #[derive(Clone)]
    /// # struct Database;
    /// # impl Database {
    /// #     async fn user(&self, id: u64) -> Result<Option<User>, std::io::Error> { Ok(Some(User { id })) }
    /// # }
    /// # async fn example(users: &larder_core::Cache<User>, database: Database) -> larder_core::Result<()> {
    /// let user = users
    ///     .get_or_load(&42, move |id| async move { database.user(id).await })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_or_load<Q, L, Fut, T, E>(&self, id: &Q, load: L) -> Result<Option<Arc<M>>>
    where
        Q: IdLike<M::Id> + ?Sized,
        L: FnOnce(M::Id) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Loaded<M>,
        E: LoadError,
    {
        self.get_or_load_with(id, self.policy(), move |id, _| load(id))
            .await
    }

    /// As [`get_or_load`](Self::get_or_load), by a policy of its own; the loader is given a
    /// [`FillContext`] to say more.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_load_with<Q, L, Fut, T, E>(
        &self,
        id: &Q,
        policy: &Policy,
        load: L,
    ) -> Result<Option<Arc<M>>>
    where
        Q: IdLike<M::Id> + ?Sized,
        L: FnOnce(M::Id, FillContext<M>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Loaded<M>,
        E: LoadError,
    {
        let key = id.key();
        if deps::is_recording() {
            let looked = |keys| self.look_at(keys, Looked::Found);
            let answers = self.obtain_within(vec![key], looked, policy, one(load));
            return only(Box::pin(answers).await?);
        }
        let glance = match self.glance_at(&key, policy) {
            Ok(object) => {
                self.count_read(true);
                return typed(object).map(Some);
            }
            Err(glance) => glance,
        };
        // Apart, so that what need not wait stays small.
        Box::pin(self.obtain_one(key, glance, policy, one(load))).await
    }

    /// What [`get_or_load_with`](Self::get_or_load_with) answers by this policy, if that is there,
    /// needs no load, and can be had without waiting or decoding. `None` says that only
    /// `get_or_load_with` can tell; it is not counted as a miss.
    ///
    /// For callers that have to pay for what a future of theirs holds, even where it is ready at
    /// once. Where chance decides that an object is loaded early
    /// ([`refresh_by_chance`](crate::PolicyBuilder::refresh_by_chance)), `get_or_load_with` asks it
    /// again.
    ///
    /// Within a [scope](crate::deps) nothing can be had without waiting. Costs one lookup in memory.
    pub fn peek_with<Q>(&self, id: &Q, policy: &Policy) -> Option<Arc<M>>
    where
        Q: IdLike<M::Id> + ?Sized,
    {
        if deps::is_recording() {
            return None;
        }
        let object = typed(self.glance_at(&id.key(), policy).ok()?).ok()?;
        self.count_read(true);
        Some(object)
    }

    /// The object of an id, if it is there and needs nothing but to be served.
    fn glance_at(&self, key: &IdKey, policy: &Policy) -> Result<Arc<dyn Object>, Glance> {
        match self.store().probe(self.model(), key, Want::Times) {
            Probe::Timed(object, times) => match self.glance(&times, policy) {
                Glance::Serve => Ok(object),
                glance => Err(glance),
            },
            _ => Err(Glance::More),
        }
    }

    /// The object of one id, found or loaded.
    async fn obtain_one(
        &self,
        key: IdKey,
        glance: Glance,
        policy: &Policy,
        bring: Bring<M>,
    ) -> Result<Option<Arc<M>>> {
        let looked = match self.store().probe(self.model(), &key, Want::Kept) {
            // Decided by chance, perhaps, which is not asked twice.
            Probe::Hit(found) if matches!(glance, Glance::Eager) && !found.is_absent() => {
                Looked::Eager(found)
            }
            Probe::Hit(found) => Looked::Found(Some(found)),
            Probe::Miss => Looked::Found(None),
            Probe::Live(_) | Probe::Timed(..) | Probe::Unknown => {
                Looked::Found(self.look(&key).await?)
            }
        };
        only(self.obtain(vec![(key, looked)], policy, bring).await?)
    }

    /// Looks and loads, and has it taken down if this task's reads are.
    async fn obtain_within<'a, Fut>(
        &'a self,
        keys: Vec<IdKey>,
        look: impl FnOnce(Vec<IdKey>) -> Fut,
        policy: &Policy,
        bring: Bring<M>,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Fut: Future<Output = Result<Vec<(IdKey, Looked)>>> + Send + 'a,
    {
        let Some(scope) = deps::current() else {
            return self.obtain(look(keys).await?, policy, bring).await;
        };
        scope.reads_ids(self, &keys, false).await;
        let looked = look(keys.clone()).await?;
        let now = self.store().now();
        let before: Vec<Option<(u64, Option<Timestamp>, bool)>> = looked
            .iter()
            .map(|(_, looked)| {
                let (Looked::Found(Some(found)) | Looked::Eager(found)) = looked else {
                    return None;
                };
                Some((found.version, found.expires_at, found.is_stale(now)))
            })
            .collect();
        let answers = self.obtain(looked, policy, bring).await?;
        let found = self.look_many(&keys).await?;
        let shared = self.store().leases().is_some();
        for (((key, found), answer), before) in keys.iter().zip(found).zip(&answers).zip(before) {
            if let Some((version, expires_at, was_stale)) = before {
                if !was_stale {
                    scope.ends(expires_at);
                }
                // Perhaps the old one was answered: a stale one, or one of which it is not known
                // what it was made from. Of a row a write of it ends the page.
                let found = found.as_ref().filter(|found| found.version != version);
                let stale = was_stale && !policy.revalidate.is_zero();
                if found.is_some_and(|found| stale || deps::is_derived(found)) {
                    scope.doom();
                }
            }
            match found {
                Some(found) => {
                    if let (Stored::Live(there), Some(answer)) = (&found.object, answer)
                        && deps::is_derived(&found)
                        && !std::ptr::addr_eq(Arc::as_ptr(there), Arc::as_ptr(answer))
                    {
                        scope.doom();
                    }
                    scope.found(self, key, &found).await;
                }
                // What was overtaken, or stands behind a fence. Absence may just not be kept,
                // which only matters where others write.
                None if answer.is_some() || shared => scope.doom(),
                None => {}
            }
        }
        Ok(answers)
    }

    /// The objects with these ids, in the order asked: from the cache, and those that are not
    /// there from one call of `load` for all of them. Ids that somebody else is loading are
    /// waited for. An id that `load` brings no object for has none.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load); `InvalidModel` if `load` brings an object whose id
    /// was not asked for.
    pub async fn get_or_load_many<'q, Q, L, Fut, T, R, E>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
        load: L,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Q: IdLike<M::Id> + ?Sized + 'q,
        L: FnOnce(Vec<M::Id>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        self.get_or_load_many_with(ids, self.policy(), move |ids, _| load(ids))
            .await
    }

    /// As [`get_or_load_many`](Self::get_or_load_many), by a policy of its own; what the loader
    /// says to its [`FillContext`] goes for all that it brings.
    ///
    /// # Errors
    /// As [`get_or_load_many`](Self::get_or_load_many).
    pub async fn get_or_load_many_with<'q, Q, L, Fut, T, R, E>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
        policy: &Policy,
        load: L,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Q: IdLike<M::Id> + ?Sized + 'q,
        L: FnOnce(Vec<M::Id>, FillContext<M>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        let keys = ids.into_iter().map(IdLike::key).collect();
        let look = |keys| self.look_at(keys, Looked::Found);
        self.obtain_within(keys, look, policy, many(load)).await
    }

    /// Loads the object with this id anew, whatever is in the cache, and stores it. Joins a load
    /// that is on its way already.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn reload<Q, L, Fut, T, E>(&self, id: &Q, load: L) -> Result<Option<Arc<M>>>
    where
        Q: IdLike<M::Id> + ?Sized,
        L: FnOnce(M::Id, FillContext<M>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Loaded<M>,
        E: LoadError,
    {
        let look = |keys| self.look_at(keys, Looked::Anew);
        let answers = self.obtain_within(vec![id.key()], look, self.policy(), one(load));
        only(answers.await?)
    }

    /// Loads the objects with these ids anew, in one call, as [`reload`](Self::reload) does.
    ///
    /// # Errors
    /// As [`get_or_load_many`](Self::get_or_load_many).
    pub async fn reload_many<'q, Q, L, Fut, T, R, E>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
        load: L,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Q: IdLike<M::Id> + ?Sized + 'q,
        L: FnOnce(Vec<M::Id>, FillContext<M>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        let keys = ids.into_iter().map(IdLike::key).collect();
        let look = |keys| self.look_at(keys, Looked::Anew);
        self.obtain_within(keys, look, self.policy(), many(load))
            .await
    }

    /// Loads the objects with these ids anew every so often, from now on until what is given is
    /// dropped or the store is closed. A load that fails leaves what is there, and is counted.
    ///
    /// # Errors
    /// `InvalidConfig` for a pause below a millisecond, or without an executor.
    pub fn refresh_every<L, Fut, T, R, E>(
        &self,
        pause: Duration,
        ids: impl IntoIterator<Item = M::Id>,
        load: L,
    ) -> Result<Refresher>
    where
        L: Fn(Vec<M::Id>, FillContext<M>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        if pause < Duration::from_millis(1) {
            return Err(Error::invalid_config(
                "a refresh pauses for at least a millisecond between two loads",
            ));
        }
        let runtime = self.runtime()?;
        let (cache, sleeper) = (self.clone(), Arc::clone(&runtime));
        let ids: Vec<M::Id> = ids.into_iter().collect();
        let wanted = Arc::new(());
        let still = Arc::downgrade(&wanted);
        runtime.spawn(Box::pin(async move {
            while still.strong_count() > 0 {
                let reloaded = cache.reload_many(&ids, load.clone()).await;
                if reloaded.is_err_and(|error| error.kind() == ErrorKind::Closed) {
                    return;
                }
                sleeper.sleep(pause).await;
            }
        }));
        Ok(Refresher { _wanted: wanted })
    }

    /// Whether a hit can be served without more ado.
    fn glance(&self, times: &Times, policy: &Policy) -> Glance {
        let Some(expires_at) = times.expires_at else {
            return Glance::Serve;
        };
        let now = times.seen_at.unwrap_or_else(|| self.store().now());
        let left = expires_at.millis_since(now);
        let wakes = || policy.may_wake(left) && self.awake_until(times, now, policy).is_some();
        if left <= 0 || wakes() {
            Glance::More
        } else if self.is_eager(times, now, policy) {
            Glance::Eager
        } else {
            Glance::Serve
        }
    }

    /// Whether a fresh entry is to be loaded anew already.
    fn is_eager(&self, times: &Times, now: Timestamp, policy: &Policy) -> bool {
        if !policy.has_eager() {
            return false;
        }
        // Its end as idleness has it is put off time and again.
        let ttl = policy.idle.and_then(|_| self.millis_under(policy));
        let ends = || Some(times.expires_at?.millis_since(times.created_at));
        ttl.or_else(ends).is_some_and(|lifetime| {
            let left = lifetime.saturating_sub(now.millis_since(times.created_at));
            policy.is_eager(lifetime, left, times.cost_nanos)
        })
    }

    /// What the store has under this id, fresh or not. A store that is away has nothing.
    async fn look(&self, key: &IdKey) -> Result<Option<Found>> {
        let mut found = self.look_many(std::slice::from_ref(key)).await?;
        Ok(found.pop().flatten())
    }

    async fn look_many(&self, keys: &[IdKey]) -> Result<Vec<Option<Found>>> {
        match self.store().get_many(self.model(), keys, Want::Kept).await {
            Err(error) if error.is_outage() => {
                self.counters().store_failures.add(1);
                Ok(vec![None; keys.len()])
            }
            found => found,
        }
    }

    /// What the store has under these ids, and what is wanted of it.
    async fn look_at(
        &self,
        keys: Vec<IdKey>,
        want: fn(Option<Found>) -> Looked,
    ) -> Result<Vec<(IdKey, Looked)>> {
        let found = self.look_many(&keys).await?;
        Ok(keys.into_iter().zip(found.into_iter().map(want)).collect())
    }

    /// What to do with what was found.
    async fn verdict(&self, key: &IdKey, looked: Looked, policy: &Policy) -> Verdict<M> {
        let (found, eager) = match looked {
            Looked::Anew(found) => {
                let seen = found.as_ref().map(|found| found.version);
                let old = found.and_then(|found| decode(&found).ok());
                return Verdict::Reload(old, seen);
            }
            Looked::Eager(found) => (found, Some(true)),
            Looked::Found(Some(found)) => (found, None),
            Looked::Found(None) => return Verdict::Load(None),
        };
        let now = self.store().now();
        if found.is_absent() {
            return match found.is_stale(now) {
                false => Verdict::Serve(None),
                true => Verdict::Load(None),
            };
        }
        let Ok(Some((object, found))) = self.open(key, found).await else {
            return Verdict::Load(None);
        };
        let Some(expires_at) = found.expires_at else {
            return Verdict::Serve(Some(object));
        };
        let may_try = || self.loads().may_try(key, now);
        if !found.is_stale(now) {
            let eager = eager.unwrap_or_else(|| self.is_eager(&found.times(), now, policy));
            if eager && may_try() {
                return Verdict::Refresh(object, found.version);
            }
            self.keep_awake(key, &found, policy).await;
            return Verdict::Serve(Some(object));
        }
        let stale = now.saturating_since(expires_at);
        let throttled = stale < policy.stale_for() && !may_try();
        if throttled {
            self.counters().stale(Staleness::Throttled);
            Verdict::Serve(Some(object))
        } else if stale < policy.revalidate {
            self.counters().stale(Staleness::Revalidated);
            Verdict::Refresh(object, found.version)
        } else {
            Verdict::Load((stale < policy.on_error).then_some(object))
        }
    }

    /// Puts off the end that idleness would bring, where the policy knows idleness.
    pub(crate) async fn keep_awake(&self, key: &IdKey, found: &Found, policy: &Policy) {
        if policy.idle.is_none() {
            return;
        }
        if let Some(end) = self.awake_until(&found.times(), self.store().now(), policy) {
            let ids = std::slice::from_ref(key);
            let touched = self
                .store()
                .touch_many(self.model(), ids, Lifetime::For(end))
                .await;
            if touched.is_err() {
                self.counters().store_failures.add(1);
            }
        }
    }

    /// For how long from now an entry is to be kept that was read, if that is to be written down.
    fn awake_until(&self, times: &Times, now: Timestamp, policy: &Policy) -> Option<Duration> {
        let (idle, expires_at) = (policy.idle_millis?, times.expires_at?);
        // One that was given less than that ends as it was told to.
        if expires_at.millis_since(times.created_at) < idle {
            return None;
        }
        let age = now.millis_since(times.created_at);
        let end = self
            .millis_under(policy)
            .map_or(idle, |ttl| idle.min(ttl.saturating_sub(age).max(0)));
        let left = expires_at.millis_since(now).max(0);
        let due = end - left >= Policy::wake_step(idle);
        due.then(|| Duration::from_millis(end.unsigned_abs()))
    }

    /// How long what is loaded lives under a policy; `None` where only the store knows.
    pub(crate) fn lifetime_under(&self, policy: &Policy) -> Option<Duration> {
        policy.ttl.or(match self.lifetime() {
            Lifetime::For(ttl) => Some(ttl),
            _ => None,
        })
    }

    /// The same in milliseconds.
    fn millis_under(&self, policy: &Policy) -> Option<i64> {
        policy
            .ttl_millis
            .or_else(|| self.lifetime_under(policy).map(whole_millis))
    }

    pub(crate) fn runtime(&self) -> Result<Arc<dyn Runtime>> {
        match self.own_runtime() {
            Some(runtime) => Ok(Arc::clone(runtime)),
            None => Ok(Arc::new(TokioRuntime::current()?)),
        }
    }

    /// Leads the load of a key, or follows the one there is; `None` if too many are on their way.
    fn lead(
        &self,
        leads: &mut Vec<Led<M>>,
        key: &IdKey,
        seen: Option<u64>,
        stale: Option<Arc<M>>,
        fallback: Option<Arc<M>>,
    ) -> Option<Answer<M>> {
        // A batch is one load, however many ids it is of.
        let most = match leads.is_empty() {
            true => self.max_loads(),
            false => usize::MAX,
        };
        let (follow, has_joined) = match self.loads().entries.join(key, most) {
            Joined::Full => return fallback.map(|stale| Answer::Ready(Some(stale))),
            Joined::Follow(follow) => {
                self.counters().waiters.add(1);
                (follow, true)
            }
            Joined::Lead(lead) => {
                let follow = lead.follow();
                leads.push(Led {
                    lead,
                    seen,
                    stale,
                    guard: None,
                });
                (follow, false)
            }
        };
        Some(Answer::Waiting(follow, fallback, has_joined))
    }

    pub(crate) fn too_many(&self) -> Error {
        Error::new(
            ErrorKind::Overloaded,
            format!(
                "{} loads of this model are on their way already; raise `max_loads`, or have the loader answer sooner",
                self.max_loads()
            ),
        )
        .with_model(self.schema().name())
    }

    /// Answers for each key: from what was found, or by loading.
    ///
    /// Who joined a load on a store that others share looks again behind it: another program may
    /// have written since that load began, before it was joined. What was kept nobody had written;
    /// what was not is loaded anew, a few times at most.
    async fn obtain(
        &self,
        looked: Vec<(IdKey, Looked)>,
        policy: &Policy,
        bring: Bring<M>,
    ) -> Result<Vec<Option<Arc<M>>>> {
        let mut bring = Some(bring);
        if self.store().leases().is_none() {
            let answers = self.obtain_once(looked, policy, &mut bring).await?;
            return Ok(answers.into_iter().map(|(answer, _)| answer).collect());
        }
        let keys: Vec<IdKey> = looked.iter().map(|(key, _)| key.clone()).collect();
        let mut places: Vec<usize> = (0..keys.len()).collect();
        let mut answers = vec![None; keys.len()];
        let mut looked = looked;
        for round in 0..=JOINED_ROUNDS {
            let once = self.obtain_once(looked, policy, &mut bring).await?;
            let mut joined = Vec::new();
            for (place, (answer, has_joined)) in places.into_iter().zip(once) {
                answers[place] = answer;
                joined.extend(has_joined.then_some(place));
            }
            if joined.is_empty() {
                break;
            }
            let again: Vec<IdKey> = joined.iter().map(|place| keys[*place].clone()).collect();
            let found = self.look_many(&again).await?;
            let now = self.store().now();
            (places, looked) = (Vec::new(), Vec::new());
            for ((place, key), found) in joined.into_iter().zip(again).zip(found) {
                match found.filter(|found| !found.is_stale(now)) {
                    Some(found) if found.is_absent() => answers[place] = None,
                    Some(found) => match self.open(&key, found).await? {
                        Some((object, _)) => answers[place] = Some(object),
                        None => places.push(place),
                    },
                    None => places.push(place),
                }
                if places.last() == Some(&place) {
                    looked.push((key, Looked::Found(None)));
                }
            }
            if places.is_empty() || bring.is_none() || round == JOINED_ROUNDS {
                break;
            }
        }
        Ok(answers)
    }

    /// One round of it; says of each answer whether it is that of a load that others had begun.
    async fn obtain_once(
        &self,
        looked: Vec<(IdKey, Looked)>,
        policy: &Policy,
        bring: &mut Option<Bring<M>>,
    ) -> Result<Vec<(Option<Arc<M>>, bool)>> {
        let mut verdicts = Vec::with_capacity(looked.len());
        for (key, looked) in looked {
            let verdict = self.verdict(&key, looked, policy).await;
            match &verdict {
                Verdict::Serve(object) => self.count_read(object.is_some()),
                Verdict::Refresh(..) => self.count_read(true),
                Verdict::Load(_) => self.count_read(false),
                Verdict::Reload(..) => {}
            }
            verdicts.push((key, verdict));
        }
        // Who has nothing to load needs none.
        let runtime = self.runtime();
        let mut answers = Vec::with_capacity(verdicts.len());
        let mut leads = Vec::new();
        // Nothing is waited for from the first flight that is led until the task has them all: a
        // caller that goes away takes none with it.
        for (key, verdict) in verdicts {
            if !matches!(verdict, Verdict::Serve(_)) {
                runtime.clone()?;
            }
            let answer = match verdict {
                Verdict::Serve(object) => Some(Answer::Ready(object)),
                Verdict::Refresh(object, seen) => {
                    // Who leads it already does it for this caller too.
                    let joined = self.loads().entries.join(&key, self.max_loads());
                    if let Joined::Lead(lead) = joined {
                        leads.push(Led {
                            lead,
                            seen: Some(seen),
                            stale: Some(Arc::clone(&object)),
                            guard: None,
                        });
                    }
                    Some(Answer::Ready(Some(object)))
                }
                Verdict::Load(stale) => self.lead(&mut leads, &key, None, stale.clone(), stale),
                Verdict::Reload(old, seen) => self.lead(&mut leads, &key, seen, old, None),
            };
            answers.push(answer.unwrap_or(Answer::Full));
        }
        if !leads.is_empty()
            && let Some(bring) = bring.take()
        {
            self.spawn(runtime.clone()?, leads, policy.clone(), bring);
        }
        let mut alarms = [policy.soft_timeout, policy.hard_timeout].map(|after| {
            let runtime = runtime.as_ref().ok();
            after
                .zip(runtime)
                .map(|(after, runtime)| Alarm::new(after, &**runtime))
        });
        let mut served = Vec::with_capacity(answers.len());
        for answer in answers {
            served.push(match answer {
                Answer::Ready(object) => (object, false),
                Answer::Full => return Err(self.too_many()),
                Answer::Waiting(follow, stale, has_joined) => {
                    let served = self.served(follow, stale, &mut alarms).await?;
                    (served.0, has_joined && served.1)
                }
            });
        }
        Ok(served)
    }

    /// Waits for a flight as long as the policy lets a caller wait; says whether it is the
    /// flight's answer.
    async fn served(
        &self,
        follow: Follow<Landing, Threat>,
        stale: Option<Arc<M>>,
        [soft, hard]: &mut [Option<Alarm>; 2],
    ) -> Result<(Option<Arc<M>>, bool)> {
        let alarm = match (&stale, soft) {
            (Some(_), Some(soft)) => Some(soft),
            _ => hard.as_mut(),
        };
        let failed = match self.patient(follow, alarm).await {
            Ok(Some(object)) => return Ok((object.map(typed).transpose()?, true)),
            Ok(None) => came_to_nothing().with_model(self.schema().name()),
            Err(failed) => failed,
        };
        let Some(stale) = stale else {
            return Err(failed);
        };
        self.counters().stale(match failed.kind() {
            ErrorKind::Timeout => Staleness::TimedOut,
            _ => Staleness::Failed,
        });
        Ok((Some(stale), false))
    }

    /// Waits for a flight until the alarm rings; `None` if the flight came to nothing.
    pub(crate) async fn patient<T: Clone, X>(
        &self,
        follow: Follow<Result<T>, X>,
        alarm: Option<&mut Alarm>,
    ) -> Result<Option<T>> {
        let Some(alarm) = alarm else {
            return follow.await.transpose();
        };
        let after = alarm.after;
        if let Some(landed) = within(follow, alarm).await {
            return landed.transpose();
        }
        self.counters().timeouts.add(1);
        let message = format!("the load did not end within {after:?}; it goes on");
        let late = Error::new(ErrorKind::Timeout, message);
        Err(late.with_model(self.schema().name()))
    }
}

/// The end of a caller's patience: one for all that a call waits for.
pub(crate) struct Alarm {
    after: Duration,
    sleep: BoxFuture<'static, ()>,
    has_rung: bool,
}

impl Alarm {
    pub(crate) fn new(after: Duration, runtime: &dyn Runtime) -> Self {
        Self {
            after,
            sleep: runtime.sleep(after),
            has_rung: false,
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.has_rung {
            self.has_rung = self.sleep.as_mut().poll(context).is_ready();
        }
        match self.has_rung {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// The error of who follows a flight that nobody leads any more.
pub(crate) fn came_to_nothing() -> Error {
    Error::new(
        ErrorKind::Loader,
        "the load came to nothing: its executor was shut down, or dropped it",
    )
}

/// What a future brings, if it is ready before the other.
async fn within<T>(
    work: impl Future<Output = T>,
    mut end: impl Future<Output = ()> + Unpin,
) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        if let Poll::Ready(ready) = work.as_mut().poll(context) {
            return Poll::Ready(Some(ready));
        }
        Pin::new(&mut end).poll(context).map(|()| None)
    })
    .await
}
