//! The task of a load: lease, loader, store.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::fill::{FillContext, Said};
use super::table::{Landing, Threat};
use super::{Bring, within};
use crate::cache::{Cache, PutOptions};
use crate::counters::Rejection;
use crate::deps;
use crate::document::Document;
use crate::error::{Error, ErrorKind, Result};
use crate::flight::{Lead, Overtaken};
use crate::id::IdKey;
use crate::model::{CacheModel, panic_message};
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::store::{
    Begin, BoxFuture, CacheStore, Condition, Content, Found, Guard, LeaseRequest, Lifetime, Put,
    PutOutcome, Tags, Token,
};

/// How long the first look at another program's lease is put off; then twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(100);

/// A key that is to be loaded.
pub(super) struct Led<M> {
    pub(super) lead: Lead<IdKey, Landing, Threat>,
    /// The version that is fresh and to be replaced all the same.
    pub(super) seen: Option<u64>,
    pub(super) stale: Option<Arc<M>>,
    pub(super) guard: Option<Token>,
}

impl<M: CacheModel> Cache<M> {
    /// Begins a load in a task of its own.
    pub(super) fn spawn(
        &self,
        runtime: Arc<dyn Runtime>,
        leads: Vec<Led<M>>,
        policy: Policy,
        bring: Bring<M>,
    ) {
        let (cache, sleeper) = (self.clone(), Arc::clone(&runtime));
        runtime.spawn(deps::carried(async move {
            cache.fly(leads, &policy, bring, &*sleeper).await;
        }));
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
            Ok(objects) => self.take(leads, objects, &fill.said(), cost, policy).await,
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
        #[cfg(feature = "tracing")]
        let loaded = {
            let store = self.store().capability().name;
            let span = tracing::debug_span!("larder.load", model = self.schema().name(), store);
            tracing::Instrument::instrument(loaded, span)
        };
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
        #[cfg(feature = "tracing")]
        if let Err(error) = &loaded {
            let kind = error.kind().as_str();
            tracing::warn!(model = self.schema().name(), kind, "a load failed");
        }
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
            let found = found.unwrap_or_else(|_| vec![None; keys.len()]);
            let mut missing = Vec::with_capacity(leads.len());
            for (led, found) in leads.into_iter().zip(found) {
                let found = found.filter(|found| led.seen != Some(found.version));
                missing.extend(self.land_fresh(led, found).await);
            }
            return missing;
        };
        let mut ready = Vec::with_capacity(leads.len());
        let mut open = leads;
        let detached = open.iter().filter_map(|led| {
            let key = led.lead.key();
            self.loads().held(key).map(|lease| (key.clone(), lease))
        });
        self.release(detached.collect()).await;
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
                // Without leases nothing is stored; callers are answered all the same. Some may
                // have been granted for all that, and nobody is to wait for these.
                self.counters().store_failures.add(1);
                let asked = requests.into_iter().map(|asked| (asked.id, asked.token));
                self.release(asked.collect()).await;
                ready.extend(open);
                return ready;
            };
            let mut waiting = Vec::new();
            let mut longest = Duration::ZERO;
            for ((mut led, request), begin) in open.into_iter().zip(requests).zip(begun) {
                match begin {
                    Begin::Hit(found) => ready.extend(self.land_fresh(led, Some(found)).await),
                    Begin::Granted => {
                        self.loads().hold(led.lead.key(), request.token);
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
            self.counters().lease_waits.add(1);
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
            self.loads().failed(&key, now, policy.retry_after);
            held.extend(led.guard.map(|guard| (key, guard)));
            led.lead.land(Err(error.clone()));
        }
        self.release(held).await;
    }

    /// Gives leases back.
    async fn release(&self, held: Vec<(IdKey, Token)>) {
        for (id, lease) in &held {
            self.loads().let_go(id, *lease);
        }
        if let Some(leases) = self.store().leases().filter(|_| !held.is_empty())
            && leases.release_many(self.model(), &held).await.is_err()
        {
            self.counters().store_failures.add(1);
        }
    }

    /// Stores what was loaded, as far as nothing has overtaken it, and lands the flights.
    async fn take(
        &self,
        leads: Vec<Led<M>>,
        objects: Vec<Arc<M>>,
        said: &Said<M>,
        cost: Duration,
        policy: &Policy,
    ) {
        let mut brought: HashMap<IdKey, Arc<M>> = HashMap::with_capacity(objects.len());
        for object in objects {
            brought.insert(object.id_key(), object);
        }
        let asked: HashSet<&IdKey> = leads.iter().map(|led| led.lead.key()).collect();
        if let Some(other) = brought.keys().find(|key| !asked.contains(key)) {
            let error = Error::invalid_model(format!(
                "the loader brought an object with an id that was not asked for: {other:?}"
            ))
            .with_model(self.schema().name());
            return self.fail(leads, &error, policy).await;
        }
        drop(asked);
        let shared = self.store().leases().is_some();
        let mut released = Vec::new();
        let mut puts = Vec::new();
        let mut storing: Vec<(Led<M>, Option<Arc<M>>)> = Vec::new();
        let mut leaves = Vec::new();
        for led in leads {
            let key = led.lead.key().clone();
            self.loads().succeeded(&key);
            let object = brought.remove(&key);
            let put = self.filled(&key, object.clone(), said, cost, policy);
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
            if said.unstored || (shared && led.guard.is_none()) {
                if !said.unstored {
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
                    storing.push((led, object));
                    leaves.push(leave);
                }
                Err(overtaken) => {
                    self.counters().rejected(overtaken.into());
                    released.extend(led.guard.map(|guard| (key, guard)));
                    land(led);
                }
            }
        }
        let told = self.before_put(&mut puts);
        let outcomes = self.store_each(puts).await;
        // Who waits to write need not wait for what follows.
        drop(leaves);
        if told.loaded(&outcomes).await.is_err() {
            self.counters().store_failures.add(1);
        }
        for ((led, object), outcome) in storing.into_iter().zip(outcomes) {
            let key = led.lead.key();
            let object = match outcome {
                Some(outcome) => {
                    if let Some(lease) = led.guard {
                        self.loads().let_go(key, lease);
                    }
                    self.outcome(key, object, outcome).await
                }
                None => {
                    self.counters().rejected(Rejection::StoreFailed);
                    released.extend(led.guard.map(|guard| (key.clone(), guard)));
                    object
                }
            };
            led.lead.land(Ok(object.map(|object| object as _)));
        }
        self.release(released).await;
    }

    /// Stores entries; `None` for each that the store refused or that it could not be asked for. One
    /// that is too large keeps no other out.
    pub(crate) async fn store_each(&self, puts: Vec<Put>) -> Vec<Option<PutOutcome>> {
        if puts.is_empty() {
            return Vec::new();
        }
        let (store, model) = (self.store(), self.model());
        let error = match store.put_many(model, puts.clone()).await {
            Ok(outcomes) => return outcomes.into_iter().map(Some).collect(),
            Err(error) => error,
        };
        #[cfg(feature = "tracing")]
        {
            let (model, kind) = (self.schema().name(), error.kind().as_str());
            tracing::warn!(model, kind, "what was loaded could not be stored");
        }
        let is_of_one = matches!(error.kind(), ErrorKind::Overloaded | ErrorKind::Encode);
        let mut outcomes = Vec::with_capacity(puts.len());
        for put in puts {
            outcomes.push(match is_of_one {
                true => store
                    .put_many(model, vec![put])
                    .await
                    .ok()
                    .and_then(|one| one.into_iter().next()),
                false => None,
            });
        }
        outcomes
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
        // What is there is newer; if nothing is, a newer one was removed.
        let newer = self.open(key, self.look(key).await.ok()??).await;
        newer.ok().flatten().map(|(object, _)| object)
    }

    /// The entry to store for what was loaded. A panic in what the program said of it is an error.
    pub(crate) fn filled(
        &self,
        key: &IdKey,
        object: Option<Arc<M>>,
        said: &Said<M>,
        cost: Duration,
        policy: &Policy,
    ) -> Result<Put> {
        let fill = || self.fill(key, object, said, cost, policy);
        catch_unwind(AssertUnwindSafe(fill)).unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    fn fill(
        &self,
        key: &IdKey,
        object: Option<Arc<M>>,
        said: &Said<M>,
        cost: Duration,
        policy: &Policy,
    ) -> Result<Put> {
        let tags = said.tags(object.as_deref());
        let revision = said.revision(object.as_deref());
        let ttl = said.ttl.or(self.lifetime_under(policy));
        let mut put = match object {
            Some(object) => {
                let mut put = self.prepare(object, &PutOptions::default(), None)?;
                if let Some(ttl) = ttl {
                    let ttl = policy.jittered(ttl);
                    put.lifetime = Lifetime::For(policy.idle.map_or(ttl, |idle| idle.min(ttl)));
                } else if let Some(idle) = policy.idle {
                    put.lifetime = Lifetime::For(idle);
                }
                if let Some(until) = said.until {
                    let left = until.saturating_since(self.store().now());
                    put.lifetime = Lifetime::For(match put.lifetime {
                        Lifetime::For(time) => time.min(left),
                        _ => left,
                    });
                }
                put.stale_for = Some(said.stale_for.unwrap_or_else(|| policy.stale_for()));
                put
            }
            None => {
                let mut put = Put::new(key.clone(), Content::Absent);
                let absent = ttl.map_or(policy.absent_ttl, |ttl| policy.absent_ttl.min(ttl));
                let left = said
                    .until
                    .map(|until| until.saturating_since(self.store().now()));
                let absent = left.map_or(absent, |left| absent.min(left));
                put.lifetime = Lifetime::For(absent);
                put
            }
        };
        put.tags = Some(tags);
        put.cost = cost;
        put.revision = revision;
        if revision.is_some() {
            put.condition = Condition::IfNotOlder;
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

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(
        ErrorKind::Loader,
        format!("the loader panicked: {}", panic_message(panic)),
    )
}

/// Runs the user's loader; a panic in it is an error to all who wait, not the end of a task.
async fn guarded<T>(load: impl FnOnce() -> BoxFuture<'static, Result<T>>) -> Result<T> {
    let begun = catch_unwind(AssertUnwindSafe(load));
    let mut work: Pin<Box<dyn Future<Output = Result<T>> + Send>> = match begun {
        Ok(work) => work,
        Err(panic) => return Err(panicked(&*panic)),
    };
    std::future::poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}
