//! Loads: what is brought from elsewhere into a cache, once however many callers wait for it.
//!
//! Every load runs in a task of its own: a caller that goes away takes nothing with it. A load of
//! one id is a batch of one. In this process the flight table sees to it that nothing is stored
//! that a write has overtaken; on a store that others share, its leases do.

use std::any::Any;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::cache::{Cache, PutOptions, decode, typed};
use crate::clock::Timestamp;
use crate::counters::{Counters, Rejection, Staleness};
use crate::document::Document;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::fact::Facts;
use crate::flight::{Flights, Follow, Joined, Lead, Overtaken, Storing, Threatening, Writing};
use crate::id::{IdKey, IdLike};
use crate::list::ListLanding;
use crate::model::{CacheModel, Object, panic_message};
use crate::policy::Policy;
use crate::runtime::{Runtime, TokioRuntime};
use crate::store::{
    Begin, BoxFuture, CacheStore, Condition, Content, Found, Guard, LeaseRequest, Lifetime, Probe,
    Put, PutOutcome, Stored, Tags, Token, Want,
};

/// How many failed loads are remembered, of all keys, so as not to be tried again at once.
const FAILURES: usize = 10_000;

/// How long the first look at another program's lease is put off; then twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(100);

/// What a flight brings: the object, or that there is none.
pub(crate) type Landing = Result<Option<Arc<dyn Object>>>;

/// What a flight of one id may find itself hit by.
#[derive(Clone, Debug)]
pub(crate) enum Threat {
    Tags(Tags),
    Where(Arc<Expr>),
    All,
}

impl Threat {
    /// Whether an entry is meant that holds this.
    pub(crate) fn hits(&self, document: Option<&Document>, tags: &[String]) -> bool {
        match self {
            Self::Tags(invalid) => invalid.as_slice().iter().any(|tag| tags.contains(tag)),
            // Nobody knows whether what is absent would match if it were there.
            Self::Where(expr) => document.is_none_or(|document| expr.matches(document)),
            Self::All => true,
        }
    }
}

pub(crate) type EntryFlights = Flights<IdKey, Landing, Threat>;

type Leave = Storing<IdKey, Landing, Threat>;

/// What is being loaded into one model, by all caches of it in this process.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    pub(crate) entries: Arc<EntryFlights>,
    pub(crate) lists: Arc<Flights<Vec<u8>, ListLanding, ()>>,
    pub(crate) facts: Facts,
    /// When what failed may be tried again.
    failures: Mutex<HashMap<IdKey, Timestamp>>,
}

/// A write or a removal under way, as the loads see it.
pub(crate) struct Written<G> {
    loads: Arc<Loads>,
    removes: bool,
    _guard: G,
}

impl Loads {
    /// Begins a write of these ids; `removes` if it takes away what facts may rest on.
    pub(crate) async fn write(
        self: &Arc<Self>,
        ids: Vec<IdKey>,
        removes: bool,
    ) -> Written<Writing<IdKey, Landing, Threat>> {
        self.disturb(removes);
        let mut guard = self.entries.write(ids);
        guard.ready().await;
        Written {
            loads: Arc::clone(self),
            removes,
            _guard: guard,
        }
    }

    /// Begins an invalidation.
    pub(crate) async fn threaten(
        self: &Arc<Self>,
        threat: Threat,
    ) -> Written<Threatening<IdKey, Landing, Threat>> {
        self.disturb(true);
        let mut guard = self.entries.threaten(threat);
        guard.ready().await;
        Written {
            loads: Arc::clone(self),
            removes: true,
            _guard: guard,
        }
    }

    /// Keeps later callers from joining loads of lists that began before a write, and ends the
    /// facts that a removal ends.
    fn disturb(&self, removes: bool) {
        if removes {
            self.facts.end_all();
        }
        if self.lists.live() > 0 {
            drop(self.lists.threaten(()));
        }
    }

    fn may_try(&self, id: &IdKey, now: Timestamp) -> bool {
        self.failures.lock().get(id).is_none_or(|at| *at <= now)
    }

    fn failed(&self, id: &IdKey, now: Timestamp, pause: Duration) {
        let mut failures = self.failures.lock();
        if failures.len() >= FAILURES {
            failures.retain(|_, at| *at > now);
        }
        if failures.len() < FAILURES {
            failures.insert(id.clone(), now.saturating_add(pause));
        }
    }

    fn succeeded(&self, id: &IdKey) {
        self.failures.lock().remove(id);
    }
}

impl<G> Drop for Written<G> {
    fn drop(&mut self) {
        self.loads.disturb(self.removes);
    }
}

/// What a loader may bring: an object, shared or not, or perhaps none.
pub trait Loaded<M>: Send {
    /// The object, if there is one.
    fn into_loaded(self) -> Option<Arc<M>>;
}

impl<M: CacheModel> Loaded<M> for M {
    fn into_loaded(self) -> Option<Arc<M>> {
        Some(Arc::new(self))
    }
}

impl<M: CacheModel> Loaded<M> for Arc<M> {
    fn into_loaded(self) -> Option<Arc<M>> {
        Some(self)
    }
}

impl<M: CacheModel, L: Loaded<M>> Loaded<M> for Option<L> {
    fn into_loaded(self) -> Option<Arc<M>> {
        self.and_then(L::into_loaded)
    }
}

/// What a loader fails with: anything that is an error.
pub trait LoadError: Into<Box<dyn StdError + Send + Sync>> {}

impl<E: Into<Box<dyn StdError + Send + Sync>>> LoadError for E {}

pub(crate) fn failure<E: LoadError>(error: E) -> Error {
    Error::new(ErrorKind::Loader, "the loader failed").with_boxed_source(error.into())
}

/// What a loader is told of the load, and what it may say of what it brings. Cheap to clone.
pub struct FillContext<M> {
    shared: Arc<Fill<M>>,
}

struct Fill<M> {
    stale: Option<Arc<M>>,
    said: Mutex<Said<M>>,
}

type Of<M, T> = Box<dyn Fn(&M) -> T + Send>;

pub(crate) struct Said<M> {
    pub(crate) ttl: Option<Duration>,
    pub(crate) tags: Vec<String>,
    pub(crate) tags_of: Option<Of<M, Vec<String>>>,
    pub(crate) revision: Option<u64>,
    pub(crate) revision_of: Option<Of<M, u64>>,
    pub(crate) unstored: bool,
    pub(crate) truncated: bool,
}

impl<M> Said<M> {
    pub(crate) fn tags(&self, object: Option<&M>) -> Tags {
        let own = object.zip(self.tags_of.as_ref());
        let own = own.map(|(object, tags)| tags(object));
        Tags::new(self.tags.iter().cloned().chain(own.unwrap_or_default()))
    }

    pub(crate) fn revision(&self, object: Option<&M>) -> Option<u64> {
        let own = object.zip(self.revision_of.as_ref());
        own.map(|(object, of)| of(object)).or(self.revision)
    }
}

impl<M> Clone for FillContext<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M> fmt::Debug for FillContext<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillContext").finish_non_exhaustive()
    }
}

impl<M> FillContext<M> {
    pub(crate) fn new(stale: Option<Arc<M>>) -> Self {
        let said = Said {
            ttl: None,
            tags: Vec::new(),
            tags_of: None,
            revision: None,
            revision_of: None,
            unstored: false,
            truncated: false,
        };
        Self {
            shared: Arc::new(Fill {
                stale,
                said: Mutex::new(said),
            }),
        }
    }

    /// What the loader said; to be asked once, at the end.
    pub(crate) fn said(&self) -> impl std::ops::DerefMut<Target = Said<M>> {
        self.shared.said.lock()
    }

    /// The object that is in the cache and to be replaced, if there is one, stale or not: to ask
    /// the source whether it has changed.
    pub fn stale(&self) -> Option<&Arc<M>> {
        self.shared.stale.as_ref()
    }

    /// What a loader returns that found the [`stale`](Self::stale) object to be right still: it
    /// is stored anew, for a new lifetime.
    pub fn not_modified(&self) -> Option<Arc<M>> {
        self.shared.stale.clone()
    }

    /// How long what is brought is fresh, in place of what the policy says; cut by its jitter.
    pub fn set_ttl(&self, ttl: Duration) {
        self.said().ttl = Some(ttl);
    }

    /// Tags for all that is brought, and for the absence of what is not.
    pub fn add_tags<T: Into<String>>(&self, tags: impl IntoIterator<Item = T>) {
        self.said().tags.extend(tags.into_iter().map(Into::into));
    }

    /// Tags for each object, by what it is.
    pub fn tag_by(&self, tags: impl Fn(&M) -> Vec<String> + Send + 'static) {
        self.said().tags_of = Some(Box::new(tags));
    }

    /// The version of what is brought, in its source. It is not stored over a later one.
    pub fn set_version(&self, version: u64) {
        self.said().revision = Some(version);
    }

    /// The version of each object, by what it is.
    pub fn version_by(&self, version: impl Fn(&M) -> u64 + Send + 'static) {
        self.said().revision_of = Some(Box::new(version));
    }

    /// Answers the callers with what is brought, and stores nothing.
    pub fn do_not_store(&self) {
        self.said().unstored = true;
    }

    /// Says that a list is not all there is: it is served as such, and loaded again next time.
    pub fn truncated(&self) {
        self.said().truncated = true;
    }
}

/// A loader of some ids, its types forgotten.
type Bring<M> = Box<
    dyn FnOnce(
            Vec<<M as CacheModel>::Id>,
            FillContext<M>,
        ) -> BoxFuture<'static, Result<Vec<Arc<M>>>>
        + Send,
>;

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

/// What a read found, as a policy sees it.
enum Verdict<M> {
    /// Answered.
    Serve(Option<Arc<M>>),
    /// Answered, and to be loaded anew in the background.
    Refresh(Arc<M>, u64),
    /// To be loaded; with what may be served if that fails.
    Load(Option<Arc<M>>),
}

/// A key that is to be loaded.
struct Led<M> {
    lead: Lead<IdKey, Landing, Threat>,
    /// The version that is fresh and to be replaced all the same.
    seen: Option<u64>,
    stale: Option<Arc<M>>,
    guard: Option<Token>,
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
        let found = match self.store().probe(self.model(), &key, Want::Kept) {
            Probe::Hit(found) => {
                if let Some(object) = self.at_once(&found, policy) {
                    self.count_read(true);
                    return Ok(Some(object));
                }
                Some(found)
            }
            Probe::Miss => None,
            Probe::Unknown => self.look(&key).await,
        };
        let mut answers = self
            .obtain(vec![(key, found)], policy.clone(), one(load))
            .await?;
        answers
            .pop()
            .ok_or_else(|| Error::internal("a load of one id answered none"))
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
        let keys: Vec<IdKey> = ids.into_iter().map(IdLike::key).collect();
        let found = self.look_many(&keys).await;
        let bring: Bring<M> = Box::new(move |ids, fill| {
            let work = load(ids, fill);
            Box::pin(async move {
                let loaded = work.await.map_err(failure)?;
                Ok(loaded.into_iter().filter_map(T::into_loaded).collect())
            })
        });
        let looked = keys.into_iter().zip(found).collect();
        self.obtain(looked, policy.clone(), bring).await
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
        let key = id.key();
        let found = self.look(&key).await;
        let seen = found.as_ref().map(|found| found.version);
        let stale = found.and_then(|found| decode(&found).ok());
        let bring = one(load);
        let policy = Arc::new(self.policy().clone());
        let runtime = self.runtime()?;
        let follow = match self.join(&key)? {
            Ok(lead) => {
                let follow = lead.follow();
                let led = Led {
                    lead,
                    seen,
                    stale,
                    guard: None,
                };
                self.spawn(&runtime, vec![led], &policy, bring);
                follow
            }
            Err(follow) => follow,
        };
        self.served(follow, None, &policy, &*runtime).await
    }

    /// The object of a hit that needs nothing done, found without waiting.
    fn at_once(&self, found: &Found, policy: &Policy) -> Option<Arc<M>> {
        let Stored::Live(object) = &found.object else {
            return None;
        };
        if let Some(expires_at) = found.expires_at {
            let now = self.store().now();
            let left = expires_at.saturating_since(now);
            if left.is_zero() || policy.idle.is_some() {
                return None;
            }
            let lifetime = expires_at.saturating_since(found.created_at);
            if policy.is_eager(lifetime, left, found.cost) {
                return None;
            }
        }
        typed(Arc::clone(object)).ok()
    }

    /// What the store has under this id, fresh or not. A store that fails has nothing.
    async fn look(&self, key: &IdKey) -> Option<Found> {
        self.look_many(std::slice::from_ref(key)).await.pop()?
    }

    async fn look_many(&self, keys: &[IdKey]) -> Vec<Option<Found>> {
        match self.store().get_many(self.model(), keys, Want::Kept).await {
            Ok(found) => found,
            Err(_) => {
                Counters::add(&self.counters().store_failures, 1);
                vec![None; keys.len()]
            }
        }
    }

    /// What to do with what was found.
    async fn verdict(&self, key: &IdKey, found: Option<Found>, policy: &Policy) -> Verdict<M> {
        let Some(found) = found else {
            return Verdict::Load(None);
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
        let left = expires_at.saturating_since(now);
        if !left.is_zero() {
            let lifetime = expires_at.saturating_since(found.created_at);
            if policy.is_eager(lifetime, left, found.cost) {
                return Verdict::Refresh(object, found.version);
            }
            self.keep_awake(key, &found, left, policy).await;
            return Verdict::Serve(Some(object));
        }
        let stale = now.saturating_since(expires_at);
        if stale < policy.revalidate {
            self.counters().stale(Staleness::Revalidated);
            return Verdict::Refresh(object, found.version);
        }
        if stale < policy.on_error {
            return match self.loads().may_try(key, now) {
                true => Verdict::Load(Some(object)),
                false => {
                    self.counters().stale(Staleness::Throttled);
                    Verdict::Serve(Some(object))
                }
            };
        }
        Verdict::Load(None)
    }

    /// Puts off the end that idleness would bring, where the policy knows idleness.
    pub(crate) async fn keep_awake(
        &self,
        key: &IdKey,
        found: &Found,
        left: Duration,
        policy: &Policy,
    ) {
        let Some(idle) = policy.idle else { return };
        let now = self.store().now();
        let end = self.lifetime_under(policy).map_or(idle, |ttl| {
            let end = found.created_at.saturating_add(ttl);
            idle.min(end.saturating_since(now))
        });
        // Not on every read: each costs a write.
        if end.saturating_sub(left) >= idle / 16 {
            let ids = std::slice::from_ref(key);
            let touched = self
                .store()
                .touch_many(self.model(), ids, Lifetime::For(end))
                .await;
            if touched.is_err() {
                Counters::add(&self.counters().store_failures, 1);
            }
        }
    }

    /// How long what is loaded lives under a policy; `None` where only the store knows.
    pub(crate) fn lifetime_under(&self, policy: &Policy) -> Option<Duration> {
        policy.ttl.or(match self.lifetime() {
            Lifetime::For(ttl) => Some(ttl),
            _ => None,
        })
    }

    pub(crate) fn runtime(&self) -> Result<Arc<dyn Runtime>> {
        match self.own_runtime() {
            Some(runtime) => Ok(Arc::clone(runtime)),
            None => Ok(Arc::new(TokioRuntime::current()?)),
        }
    }

    /// Leads the load of a key, or follows the one there is.
    #[expect(
        clippy::type_complexity,
        reason = "said once, to be taken apart at once"
    )]
    fn join(
        &self,
        key: &IdKey,
    ) -> Result<Result<Lead<IdKey, Landing, Threat>, Follow<Landing, Threat>>> {
        match self.loads().entries.join(key, self.max_loads()) {
            Joined::Lead(lead) => Ok(Ok(lead)),
            Joined::Follow(follow) => {
                Counters::add(&self.counters().waiters, 1);
                Ok(Err(follow))
            }
            Joined::Full => Err(self.too_many()),
        }
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
    async fn obtain(
        &self,
        looked: Vec<(IdKey, Option<Found>)>,
        policy: Policy,
        bring: Bring<M>,
    ) -> Result<Vec<Option<Arc<M>>>> {
        enum Answer<M> {
            Ready(Option<Arc<M>>),
            Waiting(Follow<Landing, Threat>, Option<Arc<M>>),
        }
        let policy = Arc::new(policy);
        let mut verdicts = Vec::with_capacity(looked.len());
        for (key, found) in looked {
            let verdict = self.verdict(&key, found, &policy).await;
            self.count_read(match &verdict {
                Verdict::Serve(object) => object.is_some(),
                Verdict::Refresh(..) => true,
                Verdict::Load(_) => false,
            });
            verdicts.push((key, verdict));
        }
        let is_served = |(_, verdict): &(_, Verdict<M>)| matches!(verdict, Verdict::Serve(_));
        if verdicts.iter().all(is_served) {
            let served = verdicts.into_iter().map(|(_, verdict)| match verdict {
                Verdict::Serve(object) => object,
                Verdict::Refresh(object, _) => Some(object),
                Verdict::Load(stale) => stale,
            });
            return Ok(served.collect());
        }
        let runtime = self.runtime()?;
        let mut answers = Vec::with_capacity(verdicts.len());
        let mut leads = Vec::new();
        // Nothing is waited for from the first flight that is led until the task has them all: a
        // caller that goes away takes none with it.
        for (key, verdict) in verdicts {
            answers.push(match verdict {
                Verdict::Serve(object) => Answer::Ready(object),
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
                    Answer::Ready(Some(object))
                }
                Verdict::Load(stale) => match self.join(&key)? {
                    Ok(lead) => {
                        let follow = lead.follow();
                        leads.push(Led {
                            lead,
                            seen: None,
                            stale: stale.clone(),
                            guard: None,
                        });
                        Answer::Waiting(follow, stale)
                    }
                    Err(follow) => Answer::Waiting(follow, stale),
                },
            });
        }
        if !leads.is_empty() {
            self.spawn(&runtime, leads, &policy, bring);
        }
        let mut served = Vec::with_capacity(answers.len());
        for answer in answers {
            served.push(match answer {
                Answer::Ready(object) => object,
                Answer::Waiting(follow, stale) => {
                    self.served(follow, stale, &policy, &*runtime).await?
                }
            });
        }
        Ok(served)
    }

    fn spawn(
        &self,
        runtime: &Arc<dyn Runtime>,
        leads: Vec<Led<M>>,
        policy: &Arc<Policy>,
        bring: Bring<M>,
    ) {
        let (cache, policy) = (self.clone(), Arc::clone(policy));
        let sleeper = Arc::clone(runtime);
        runtime.spawn(Box::pin(async move {
            cache.fly(leads, &policy, bring, &*sleeper).await;
        }));
    }

    /// Waits for a flight as long as the policy lets a caller wait.
    async fn served(
        &self,
        follow: Follow<Landing, Threat>,
        stale: Option<Arc<M>>,
        policy: &Policy,
        runtime: &dyn Runtime,
    ) -> Result<Option<Arc<M>>> {
        let soft = policy.soft_timeout.filter(|_| stale.is_some());
        let patience = soft.or(policy.hard_timeout);
        let failed = match self.patient(follow, patience, runtime).await {
            Ok(object) => return object.map(typed).transpose(),
            Err(failed) => failed,
        };
        let Some(stale) = stale else {
            return Err(failed);
        };
        self.counters().stale(match failed.kind() {
            ErrorKind::Timeout => Staleness::TimedOut,
            _ => Staleness::Failed,
        });
        Ok(Some(stale))
    }

    /// Waits for a flight for so long.
    pub(crate) async fn patient<T: Clone, X>(
        &self,
        follow: Follow<Result<T>, X>,
        patience: Option<Duration>,
        runtime: &dyn Runtime,
    ) -> Result<T> {
        let landed = match patience {
            None => Some(follow.await),
            Some(patience) => within(follow, runtime.sleep(patience)).await,
        };
        let failed = match landed {
            Some(Some(landed)) => return landed,
            Some(None) => Error::new(
                ErrorKind::Loader,
                "the load came to nothing: its executor was shut down, or dropped it",
            ),
            None => {
                Counters::add(&self.counters().timeouts, 1);
                let patience = patience.unwrap_or_default();
                Error::new(
                    ErrorKind::Timeout,
                    format!("the load did not end within {patience:?}; it goes on"),
                )
            }
        };
        Err(failed.with_model(self.schema().name()))
    }

    /// A load from its beginning to its end.
    async fn fly(
        &self,
        leads: Vec<Led<M>>,
        policy: &Policy,
        bring: Bring<M>,
        runtime: &dyn Runtime,
    ) {
        let leads = self.begin(leads, policy, runtime).await;
        let mut ids = Vec::with_capacity(leads.len());
        for led in &leads {
            match self.id_of(led.lead.key()) {
                Ok(id) => ids.push(id),
                Err(error) => return self.fail(leads, &error, policy).await,
            }
        }
        if leads.is_empty() {
            return;
        }
        let stale = match &*leads {
            [led] => led.stale.clone(),
            _ => None,
        };
        let fill = FillContext::new(stale);
        let context = fill.clone();
        let (loaded, cost) = self
            .timed(move || bring(ids, context), policy, runtime)
            .await;
        match loaded {
            Ok(objects) => self.take(leads, objects, &fill, cost, policy).await,
            Err(error) => self.fail(leads, &error, policy).await,
        }
    }

    /// Runs a loader, and counts it. Its panic is an error; so is its deadline.
    pub(crate) async fn timed<T>(
        &self,
        load: impl FnOnce() -> BoxFuture<'static, Result<T>>,
        policy: &Policy,
        runtime: &dyn Runtime,
    ) -> (Result<T>, Duration) {
        let counters = self.counters();
        let began = Instant::now();
        let loaded = guarded(load);
        let loaded = match policy.load_deadline {
            None => loaded.await,
            Some(deadline) => {
                let late = || {
                    Err(Error::new(
                        ErrorKind::Timeout,
                        format!("the load was given up: it did not end within {deadline:?}"),
                    ))
                };
                let sleep = runtime.sleep(deadline);
                within(loaded, sleep).await.unwrap_or_else(late)
            }
        };
        let cost = began.elapsed();
        counters.loaded(cost, loaded.is_ok());
        let named = |error: Error| error.with_model(self.schema().name());
        (loaded.map_err(named), cost)
    }

    /// Looks once more at what there is, now that this is the flight that loads; takes leases
    /// where the store has them. What is there by now has landed.
    async fn begin(
        &self,
        leads: Vec<Led<M>>,
        policy: &Policy,
        runtime: &dyn Runtime,
    ) -> Vec<Led<M>> {
        let Some(leases) = self.store().leases() else {
            let keys: Vec<IdKey> = leads.iter().map(|led| led.lead.key().clone()).collect();
            let found = self.look_many(&keys).await;
            let mut missing = Vec::with_capacity(leads.len());
            for (led, found) in leads.into_iter().zip(found) {
                let found = found.filter(|found| led.seen != Some(found.version));
                missing.extend(self.land_fresh(led, found).await);
            }
            return missing;
        };
        let mut ready = Vec::with_capacity(leads.len());
        let mut open = leads;
        let began = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let requests: Vec<LeaseRequest> = open
                .iter()
                .map(|led| LeaseRequest {
                    id: led.lead.key().clone(),
                    token: Token::random(),
                    seen: led.seen,
                })
                .collect();
            let begun = leases
                .begin_many(self.model(), &requests, policy.lease)
                .await;
            let Ok(begun) = begun else {
                // Without leases nothing is stored; callers are answered all the same.
                Counters::add(&self.counters().store_failures, 1);
                ready.extend(open);
                return ready;
            };
            let mut waiting = Vec::new();
            let mut longest = Duration::ZERO;
            for ((mut led, request), begin) in open.into_iter().zip(requests).zip(begun) {
                match begin {
                    Begin::Hit(found) => ready.extend(self.land_fresh(led, Some(found)).await),
                    Begin::Granted => {
                        led.guard = Some(request.token);
                        ready.push(led);
                    }
                    Begin::Fenced => ready.push(led),
                    Begin::Wait(time) => {
                        longest = longest.max(time);
                        waiting.push(led);
                    }
                }
            }
            // Who holds leases does not wait for others', which might wait for these.
            let held = ready.iter().any(|led| led.guard.is_some());
            if waiting.is_empty() || held || began.elapsed() >= policy.lease {
                ready.extend(waiting);
                return ready;
            }
            open = waiting;
            Counters::add(&self.counters().lease_waits, 1);
            let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            runtime.sleep(jittered.min(longest.max(FIRST_LOOK))).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// Lands a flight whose entry is there and fresh by now; gives it back otherwise.
    async fn land_fresh(&self, led: Led<M>, found: Option<Found>) -> Option<Led<M>> {
        let Some(found) = found.filter(|found| !found.is_stale(self.store().now())) else {
            return Some(led);
        };
        if found.is_absent() {
            led.lead.land(Ok(None));
            return None;
        }
        match self.open(led.lead.key(), found).await {
            Ok(Some((object, _))) => {
                led.lead.land(Ok(Some(object)));
                None
            }
            _ => Some(led),
        }
    }

    /// Lands flights whose load failed.
    async fn fail(&self, leads: Vec<Led<M>>, error: &Error, policy: &Policy) {
        let now = self.store().now();
        let mut held = Vec::new();
        for led in leads {
            let key = led.lead.key().clone();
            if !policy.on_error.is_zero() {
                self.loads().failed(&key, now, policy.retry_after);
            }
            held.extend(led.guard.map(|guard| (key, guard)));
            led.lead.land(Err(error.clone()));
        }
        self.release(held).await;
    }

    async fn release(&self, held: Vec<(IdKey, Token)>) {
        if let Some(leases) = self.store().leases().filter(|_| !held.is_empty())
            && leases.release_many(self.model(), &held).await.is_err()
        {
            Counters::add(&self.counters().store_failures, 1);
        }
    }

    /// Stores what was loaded, as far as nothing has overtaken it, and lands the flights.
    async fn take(
        &self,
        leads: Vec<Led<M>>,
        objects: Vec<Arc<M>>,
        fill: &FillContext<M>,
        cost: Duration,
        policy: &Policy,
    ) {
        let mut brought: HashMap<IdKey, Arc<M>> = HashMap::with_capacity(objects.len());
        for object in objects {
            brought.insert(object.id_key(), object);
        }
        let asked = |key: &IdKey| leads.iter().any(|led| led.lead.key() == key);
        if let Some(other) = brought.keys().find(|key| !asked(key)) {
            let error = Error::invalid_model(format!(
                "the loader brought an object with an id that was not asked for: {other:?}"
            ))
            .with_model(self.schema().name());
            return self.fail(leads, &error, policy).await;
        }
        let shared = self.store().leases().is_some();
        let mut released = Vec::new();
        let mut puts = Vec::new();
        let mut storing: Vec<(Led<M>, Option<Arc<M>>, Leave)> = Vec::new();
        for led in leads {
            let key = led.lead.key().clone();
            self.loads().succeeded(&key);
            let object = brought.remove(&key);
            let put = self.filled(&key, object.clone(), fill, cost, policy);
            let mut put = match put {
                Ok(put) => put,
                Err(error) => {
                    released.extend(led.guard.map(|guard| (key, guard)));
                    led.lead.land(Err(error));
                    continue;
                }
            };
            put.guard = led.guard.map(Guard::Lease);
            let land = |led: Led<M>| led.lead.land(Ok(object.clone().map(|object| object as _)));
            if fill.said().unstored || (shared && led.guard.is_none()) {
                if !fill.said().unstored {
                    self.counters().rejected(Rejection::Unleased);
                }
                released.extend(led.guard.map(|guard| (key, guard)));
                land(led);
                continue;
            }
            let (document, tags) = searched(&put);
            match led.lead.commit(|threat| threat.hits(document, tags)) {
                Ok(leave) => {
                    puts.push(put);
                    storing.push((led, object, leave));
                }
                Err(overtaken) => {
                    self.counters().rejected(overtaken.into());
                    released.extend(led.guard.map(|guard| (key, guard)));
                    land(led);
                }
            }
        }
        let outcomes = match puts.is_empty() {
            true => Ok(Vec::new()),
            false => self.store().put_many(self.model(), puts).await,
        };
        match outcomes {
            Ok(outcomes) => {
                for ((led, object, leave), outcome) in storing.into_iter().zip(outcomes) {
                    drop(leave);
                    let object = self.outcome(led.lead.key(), object, outcome).await;
                    led.lead.land(Ok(object.map(|object| object as _)));
                }
            }
            Err(_) => {
                for (led, object, leave) in storing {
                    drop(leave);
                    self.counters().rejected(Rejection::StoreFailed);
                    let key = led.lead.key().clone();
                    released.extend(led.guard.map(|guard| (key, guard)));
                    led.lead.land(Ok(object.map(|object| object as _)));
                }
            }
        }
        self.release(released).await;
    }

    /// What callers get of an object that the store was given.
    async fn outcome(
        &self,
        key: &IdKey,
        object: Option<Arc<M>>,
        outcome: PutOutcome,
    ) -> Option<Arc<M>> {
        match outcome {
            PutOutcome::Stored(_) => return object,
            PutOutcome::Outrun => {
                self.counters().rejected(Rejection::Outrun);
                return object;
            }
            PutOutcome::Refused(_) => self.counters().rejected(Rejection::Older),
        }
        // What is there is newer.
        let found = self.look(key).await?;
        let newer = self.open(key, found).await.ok().flatten();
        newer.map(|(object, _)| object).or(object)
    }

    /// The entry to store for what was loaded.
    pub(crate) fn filled(
        &self,
        key: &IdKey,
        object: Option<Arc<M>>,
        fill: &FillContext<M>,
        cost: Duration,
        policy: &Policy,
    ) -> Result<Put> {
        let said = fill.said();
        let tags = said.tags(object.as_deref());
        let revision = said.revision(object.as_deref());
        let ttl = said.ttl.or(self.lifetime_under(policy));
        drop(said);
        let mut put = match object {
            Some(object) => {
                let mut put = self.prepare(object, &PutOptions::default(), None)?;
                if let Some(ttl) = ttl {
                    let ttl = policy.jittered(ttl);
                    put.lifetime = Lifetime::For(policy.idle.map_or(ttl, |idle| idle.min(ttl)));
                } else if let Some(idle) = policy.idle {
                    put.lifetime = Lifetime::For(idle);
                }
                put.stale_for = Some(policy.stale_for());
                put
            }
            None => {
                let mut put = Put::new(key.clone(), Content::Absent);
                let absent = ttl.map_or(policy.absent_ttl, |ttl| policy.absent_ttl.min(ttl));
                put.lifetime = Lifetime::For(absent);
                put
            }
        };
        put.tags = Some(tags);
        put.cost = cost;
        put.revision = revision;
        if revision.is_some() {
            put.condition = Condition::IfNewer;
        }
        Ok(put)
    }
}

/// What of a put a threat looks at.
pub(crate) fn searched(put: &Put) -> (Option<&Document>, &[String]) {
    let document = match &put.content {
        Content::Object(_, document) => Some(document),
        Content::Absent => None,
    };
    (document, put.tags.as_ref().map_or(&[], Tags::as_slice))
}

impl From<Overtaken> for Rejection {
    fn from(overtaken: Overtaken) -> Self {
        match overtaken {
            Overtaken::Written => Self::Written,
            Overtaken::Invalidated => Self::Invalidated,
        }
    }
}

/// What a future brings, if it is ready before the other.
async fn within<T>(work: impl Future<Output = T>, end: BoxFuture<'static, ()>) -> Option<T> {
    let (mut work, mut end) = (pin!(work), end);
    std::future::poll_fn(|context| {
        if let Poll::Ready(ready) = work.as_mut().poll(context) {
            return Poll::Ready(Some(ready));
        }
        end.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Runs the user's loader; a panic in it is an error to all who wait, not the end of a task.
async fn guarded<T>(load: impl FnOnce() -> BoxFuture<'static, Result<T>>) -> Result<T> {
    let panicked = |panic: Box<dyn Any + Send>| {
        Error::new(
            ErrorKind::Loader,
            format!("the loader panicked: {}", panic_message(&*panic)),
        )
    };
    let begun = catch_unwind(AssertUnwindSafe(load));
    let mut work: Pin<Box<dyn Future<Output = Result<T>> + Send>> = match begun {
        Ok(work) => work,
        Err(panic) => return Err(panicked(panic)),
    };
    std::future::poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic))))
    })
    .await
}
