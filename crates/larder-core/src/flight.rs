//! The flight table: one load a key however many callers wait for it, and no load that stores
//! what a write has overtaken.
//!
//! A *flight* is a load on its way. Whoever asks for a key that nobody loads leads one; all others
//! join it. A *write* of a key cancels its flight and detaches it, so that later callers load
//! afresh, and keeps every flight from storing until it is over. A *threat* (an invalidation by
//! tag or filter) is left with every flight, since what a flight will bring is not known yet: it
//! is weighed when the flight wants to store. A *batch* loads rows whose keys nobody knows yet,
//! and takes down which keys were written meanwhile.
//!
//! A flight or a batch asks for leave before it stores (`commit`). From then on until it has
//! stored, writes and threats wait. So of a write and a store of one key one is over before the
//! other begins, and a flight that began before a write ended never stores behind it.
//!
//! This file knows neither caches nor stores. The race models of `tests/` run this very source.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use super::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, RandomState, SHARDS};

/// How many threats a flight or a batch remembers; one that outlives more does not store.
const MAX_THREATS: usize = 64;

/// The flights of one model, by the keys `K`; they bring a `V`, and fear a `T`.
pub(crate) struct Flights<K, V, T> {
    hasher: RandomState,
    shards: Box<[Mutex<Shard<K, V, T>>]>,
    next: AtomicU64,
    /// How many flights there are, to bound them.
    live: AtomicUsize,
    /// How many threats and batches there are: what a quick look tells.
    threats: AtomicUsize,
    batches: AtomicUsize,
    wide: Mutex<Wide<K, T>>,
}

type Shard<K, V, T> = HashMap<K, Slot<V, T>, RandomState>;

/// What concerns all keys.
struct Wide<K, T> {
    threats: Vec<(u64, T)>,
    batches: Vec<(u64, SharedLog<K, T>)>,
}

type SharedLog<K, T> = Weak<Mutex<Log<K, T>>>;

/// What goes on with one key. There is none where nothing does.
struct Slot<V, T> {
    /// The flight that callers join.
    flight: Option<Arc<Flight<V, T>>>,
    /// The flight that is storing what it brought; perhaps detached by now.
    storing: Option<Arc<Flight<V, T>>>,
    /// How many writes are under way.
    writers: usize,
}

impl<V, T> Default for Slot<V, T> {
    fn default() -> Self {
        Self {
            flight: None,
            storing: None,
            writers: 0,
        }
    }
}

impl<V, T> Slot<V, T> {
    fn is_idle(&self) -> bool {
        self.flight.is_none() && self.storing.is_none() && self.writers == 0
    }
}

struct Flight<V, T> {
    number: u64,
    state: Mutex<State<V, T>>,
}

struct State<V, T> {
    cancelled: bool,
    /// What was invalidated since it began. With any, nobody joins it any more.
    threats: Vec<T>,
    storing: bool,
    /// What it brought; `None` in it if it came to nothing.
    outcome: Option<Option<V>>,
    wakers: Vec<(u64, Waker)>,
    /// The number of the last who began to wait.
    waiting: u64,
}

impl<V, T> Flight<V, T> {
    fn new(number: u64, storing: bool) -> Arc<Self> {
        Arc::new(Self {
            number,
            state: Mutex::new(State {
                cancelled: false,
                threats: Vec::new(),
                storing,
                outcome: None,
                wakers: Vec::new(),
                waiting: 0,
            }),
        })
    }

    fn cancel(&self) {
        self.state.lock().cancelled = true;
    }

    /// Changes what others wait for, and wakes them.
    fn change(&self, change: impl FnOnce(&mut State<V, T>)) {
        let wakers = {
            let mut state = self.state.lock();
            change(&mut state);
            std::mem::take(&mut state.wakers)
        };
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}

/// What became of the wish to load.
pub(crate) enum Joined<K: Eq + Hash + Clone, V, T: Clone> {
    /// The caller has to load.
    Lead(Lead<K, V, T>),
    /// Somebody does.
    Follow(Follow<V, T>),
    /// Too many are loading already.
    Full,
}

/// Why a flight may not store what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overtaken {
    /// Its key was written or removed, or is about to be.
    Written,
    /// What it brought was invalidated while it was on its way.
    Invalidated,
}

impl<K, V, T> Default for Flights<K, V, T> {
    fn default() -> Self {
        let shard = |_| Mutex::new(Shard::default());
        Self {
            hasher: RandomState::default(),
            shards: (0..SHARDS).map(shard).collect(),
            next: AtomicU64::new(0),
            live: AtomicUsize::new(0),
            threats: AtomicUsize::new(0),
            batches: AtomicUsize::new(0),
            wide: Mutex::new(Wide {
                threats: Vec::new(),
                batches: Vec::new(),
            }),
        }
    }
}

impl<K, V, T> fmt::Debug for Flights<K, V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights")
            .field("live", &self.live.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V, T: Clone> Flights<K, V, T> {
    /// How many flights are on their way.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K, V, T>> {
        // The map inside takes the low bits of its own hash; these are of another.
        &self.shards[(self.hasher.hash_one(key) >> 32) as usize % SHARDS]
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Joins the flight of a key, or begins one; not more than `most` at a time.
    pub(crate) fn join(self: &Arc<Self>, key: &K, most: usize) -> Joined<K, V, T> {
        let mut shard = self.shard(key).lock();
        if let Some(flight) = shard.get(key).and_then(|slot| slot.flight.as_ref()) {
            if flight.state.lock().threats.is_empty() {
                return Joined::Follow(Follow::new(flight));
            }
            // What it brings may be from before an invalidation that has returned.
            flight.cancel();
        }
        if self.live.fetch_add(1, Ordering::Relaxed) >= most {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return Joined::Full;
        }
        let flight = Flight::new(self.number(), false);
        shard.entry(key.clone()).or_default().flight = Some(Arc::clone(&flight));
        Joined::Lead(Lead {
            flights: Arc::clone(self),
            key: key.clone(),
            flight,
        })
    }

    /// Begins to write keys: their flights will not store. Wait for [`Writing::ready`] before the
    /// store is told; the write is over when this is dropped.
    pub(crate) fn write(self: &Arc<Self>, keys: Vec<K>) -> Writing<K, V, T> {
        let mut storing = Vec::new();
        for key in &keys {
            let mut shard = self.shard(key).lock();
            let slot = shard.entry(key.clone()).or_default();
            slot.writers += 1;
            if let Some(flight) = slot.flight.take() {
                flight.cancel();
            }
            storing.extend(slot.storing.clone());
        }
        self.note(&keys);
        Writing {
            flights: Arc::clone(self),
            keys,
            storing,
        }
    }

    /// Notes written keys with the batches that are on their way.
    fn note(&self, keys: &[K]) {
        if self.batches.load(Ordering::SeqCst) == 0 {
            return;
        }
        for (_, log) in &self.wide.lock().batches {
            if let Some(log) = log.upgrade() {
                log.lock().written.extend(keys.iter().cloned());
            }
        }
    }

    /// Begins to invalidate what the flights may bring. Wait for [`Threatening::ready`] before the
    /// store is told; the invalidation is over when this is dropped.
    pub(crate) fn threaten(self: &Arc<Self>, threat: T) -> Threatening<K, V, T> {
        let number = self.number();
        self.threats.fetch_add(1, Ordering::SeqCst);
        self.wide.lock().threats.push((number, threat.clone()));
        let storing = self.leave(&threat);
        Threatening {
            flights: Arc::clone(self),
            number,
            threat,
            storing,
        }
    }

    /// Leaves a threat with all flights and batches; gives the flights that are storing.
    fn leave(&self, threat: &T) -> Vec<Arc<Flight<V, T>>> {
        let mut storing = Vec::new();
        for shard in &self.shards {
            for slot in shard.lock().values() {
                if let Some(flight) = &slot.flight {
                    let state = &mut *flight.state.lock();
                    // One that outlives so many is not worth weighing any more of.
                    match state.threats.len() < MAX_THREATS {
                        true => state.threats.push(threat.clone()),
                        false => state.cancelled = true,
                    }
                }
                storing.extend(slot.storing.clone());
            }
        }
        for (_, log) in &self.wide.lock().batches {
            if let Some(log) = log.upgrade() {
                let log = &mut *log.lock();
                match log.threats.len() < MAX_THREATS {
                    true => log.threats.push(threat.clone()),
                    false => log.overrun = true,
                }
            }
        }
        storing
    }

    /// Begins to load what nobody knows the keys of.
    pub(crate) fn batch(self: &Arc<Self>) -> Batch<K, V, T> {
        let number = self.number();
        let log = Arc::new(Mutex::new(Log {
            written: HashSet::default(),
            threats: Vec::new(),
            overrun: false,
        }));
        let mut wide = self.wide.lock();
        self.batches.fetch_add(1, Ordering::SeqCst);
        wide.batches.push((number, Arc::downgrade(&log)));
        drop(wide);
        Batch {
            flights: Arc::clone(self),
            number,
            log,
        }
    }

    /// Whether a threat that is being carried out hits.
    fn is_threatened(&self, hits: &mut dyn FnMut(&T) -> bool) -> bool {
        self.threats.load(Ordering::SeqCst) > 0 && {
            let wide = self.wide.lock();
            wide.threats.iter().any(|(_, threat)| hits(threat))
        }
    }

    fn tidy(shard: &mut Shard<K, V, T>, key: &K) {
        if shard.get(key).is_some_and(Slot::is_idle) {
            shard.remove(key);
        }
    }
}

/// The one who loads. Dropped without having landed, the flight comes to nothing and those who
/// follow learn that.
pub(crate) struct Lead<K: Eq + Hash + Clone, V, T: Clone> {
    flights: Arc<Flights<K, V, T>>,
    key: K,
    flight: Arc<Flight<V, T>>,
}

impl<K: Eq + Hash + Clone, V, T: Clone> Lead<K, V, T> {
    /// The key that is loaded.
    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    /// To wait for the flight as the others do.
    pub(crate) fn follow(&self) -> Follow<V, T> {
        Follow::new(&self.flight)
    }

    /// Asks for leave to store what was loaded; `hits` says whether a threat concerns it. Store it
    /// before what is given is dropped.
    pub(crate) fn commit(
        &self,
        mut hits: impl FnMut(&T) -> bool,
    ) -> Result<Storing<K, V, T>, Overtaken> {
        let mut shard = self.flights.shard(&self.key).lock();
        let slot = shard.get_mut(&self.key).ok_or(Overtaken::Written)?;
        let current = slot.flight.as_ref().map(|flight| flight.number);
        if current != Some(self.flight.number) || slot.writers > 0 || slot.storing.is_some() {
            return Err(Overtaken::Written);
        }
        let mut state = self.flight.state.lock();
        if state.cancelled {
            return Err(Overtaken::Written);
        }
        if state.threats.iter().any(&mut hits) || self.flights.is_threatened(&mut hits) {
            return Err(Overtaken::Invalidated);
        }
        state.storing = true;
        slot.storing = Some(Arc::clone(&self.flight));
        drop(state);
        drop(shard);
        self.flights.note(std::slice::from_ref(&self.key));
        Ok(Storing {
            flights: Arc::clone(&self.flights),
            keys: vec![self.key.clone()],
            flight: Arc::clone(&self.flight),
        })
    }

    /// Ends the flight: all who follow get `outcome`.
    pub(crate) fn land(self, outcome: V) {
        self.flight.state.lock().outcome = Some(Some(outcome));
    }
}

impl<K: Eq + Hash + Clone, V, T: Clone> Drop for Lead<K, V, T> {
    fn drop(&mut self) {
        let mut shard = self.flights.shard(&self.key).lock();
        if let Some(slot) = shard.get_mut(&self.key) {
            let current = slot.flight.as_ref().map(|flight| flight.number);
            if current == Some(self.flight.number) {
                slot.flight = None;
            }
        }
        Flights::tidy(&mut shard, &self.key);
        drop(shard);
        self.flights.live.fetch_sub(1, Ordering::Relaxed);
        self.flight.change(|state| {
            state.outcome.get_or_insert(None);
        });
    }
}

/// Leave to store what a flight or a batch brought. While it lives, writes and threats wait.
pub(crate) struct Storing<K: Eq + Hash + Clone, V, T: Clone> {
    flights: Arc<Flights<K, V, T>>,
    keys: Vec<K>,
    flight: Arc<Flight<V, T>>,
}

impl<K: Eq + Hash + Clone, V, T: Clone> Drop for Storing<K, V, T> {
    fn drop(&mut self) {
        for key in &self.keys {
            let mut shard = self.flights.shard(key).lock();
            if let Some(slot) = shard.get_mut(key) {
                slot.storing = None;
            }
            Flights::tidy(&mut shard, key);
        }
        self.flight.change(|state| state.storing = false);
    }
}

/// A write under way.
pub(crate) struct Writing<K: Eq + Hash + Clone, V, T: Clone> {
    flights: Arc<Flights<K, V, T>>,
    keys: Vec<K>,
    storing: Vec<Arc<Flight<V, T>>>,
}

impl<K: Eq + Hash + Clone, V, T: Clone> Writing<K, V, T> {
    /// Waits until no flight of the keys is storing.
    pub(crate) async fn ready(&mut self) {
        quiet(&mut self.storing).await;
    }
}

impl<K: Eq + Hash + Clone, V, T: Clone> Drop for Writing<K, V, T> {
    fn drop(&mut self) {
        self.flights.note(&self.keys);
        for key in &self.keys {
            let mut shard = self.flights.shard(key).lock();
            if let Some(slot) = shard.get_mut(key) {
                slot.writers -= 1;
                // One that began meanwhile may have looked before the store was told.
                if let Some(flight) = slot.flight.take() {
                    flight.cancel();
                }
            }
            Flights::tidy(&mut shard, key);
        }
    }
}

/// An invalidation under way.
pub(crate) struct Threatening<K: Eq + Hash + Clone, V, T: Clone> {
    flights: Arc<Flights<K, V, T>>,
    number: u64,
    threat: T,
    storing: Vec<Arc<Flight<V, T>>>,
}

impl<K: Eq + Hash + Clone, V, T: Clone> Threatening<K, V, T> {
    /// Waits until no flight is storing that knew nothing of this.
    pub(crate) async fn ready(&mut self) {
        quiet(&mut self.storing).await;
    }
}

impl<K: Eq + Hash + Clone, V, T: Clone> Drop for Threatening<K, V, T> {
    fn drop(&mut self) {
        // To those that began meanwhile.
        self.flights.leave(&self.threat);
        let threats = &mut self.flights.wide.lock().threats;
        threats.retain(|(number, _)| *number != self.number);
        self.flights.threats.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What happened to rows while a batch was on its way.
struct Log<K, T> {
    written: HashSet<K, RandomState>,
    threats: Vec<T>,
    /// Whether there were more threats than are remembered.
    overrun: bool,
}

/// A load of what nobody knows the keys of.
pub(crate) struct Batch<K: Eq + Hash + Clone, V, T: Clone> {
    flights: Arc<Flights<K, V, T>>,
    number: u64,
    log: Arc<Mutex<Log<K, T>>>,
}

impl<K: Eq + Hash + Clone, V, T: Clone> Batch<K, V, T> {
    /// Asks for leave to store what was loaded; `hits` says whether a threat concerns the row at
    /// this place. Store those that may be before what is given is dropped.
    pub(crate) fn commit(
        &self,
        keys: &[K],
        mut hits: impl FnMut(usize, &T) -> bool,
    ) -> (Storing<K, V, T>, Vec<Result<(), Overtaken>>) {
        let mut storing = Storing {
            flights: Arc::clone(&self.flights),
            keys: Vec::with_capacity(keys.len()),
            flight: Flight::new(self.number, true),
        };
        let mut leave = |at: usize, key: &K| {
            let mut shard = self.flights.shard(key).lock();
            let slot = shard.entry(key.clone()).or_default();
            let mut hits = |threat: &T| hits(at, threat);
            let refused = {
                let log = self.log.lock();
                if slot.writers > 0 || slot.storing.is_some() || log.written.contains(key) {
                    Some(Overtaken::Written)
                } else {
                    let hit = log.overrun || log.threats.iter().any(&mut hits);
                    hit.then_some(Overtaken::Invalidated)
                }
            };
            let refused = refused.or_else(|| {
                let hit = self.flights.is_threatened(&mut hits);
                hit.then_some(Overtaken::Invalidated)
            });
            if let Some(refused) = refused {
                Flights::tidy(&mut shard, key);
                return Err(refused);
            }
            slot.storing = Some(Arc::clone(&storing.flight));
            // What it brings may be older.
            if let Some(flight) = slot.flight.take() {
                flight.cancel();
            }
            storing.keys.push(key.clone());
            Ok(())
        };
        let leave = keys.iter().enumerate().map(|(at, key)| leave(at, key));
        let leave = leave.collect();
        self.flights.note(&storing.keys);
        (storing, leave)
    }
}

impl<K: Eq + Hash + Clone, V, T: Clone> Drop for Batch<K, V, T> {
    fn drop(&mut self) {
        let batches = &mut self.flights.wide.lock().batches;
        batches.retain(|(number, _)| *number != self.number);
        self.flights.batches.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for what a flight brings; `None` if it came to nothing.
pub(crate) struct Follow<V, T>(Waiting<V, T>);

impl<V, T> Follow<V, T> {
    fn new(flight: &Arc<Flight<V, T>>) -> Self {
        Self(Waiting::new(Arc::clone(flight)))
    }
}

impl<V: Clone, T> Future for Follow<V, T> {
    type Output = Option<V>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<V>> {
        self.0.poll(context, |state| state.outcome.clone())
    }
}

/// Waits until none of the flights is storing.
async fn quiet<V, T>(storing: &mut Vec<Arc<Flight<V, T>>>) {
    while let Some(flight) = storing.pop() {
        let mut waiting = Waiting::new(flight);
        let over = |state: &State<V, T>| (!state.storing).then_some(());
        std::future::poll_fn(|context| waiting.poll(context, over)).await;
    }
}

/// One who waits for a change of a flight.
struct Waiting<V, T> {
    flight: Arc<Flight<V, T>>,
    number: Option<u64>,
}

impl<V, T> Waiting<V, T> {
    fn new(flight: Arc<Flight<V, T>>) -> Self {
        Self {
            flight,
            number: None,
        }
    }

    fn poll<R>(
        &mut self,
        context: &mut Context<'_>,
        look: impl FnOnce(&State<V, T>) -> Option<R>,
    ) -> Poll<R> {
        let state = &mut *self.flight.state.lock();
        if let Some(ready) = look(state) {
            return Poll::Ready(ready);
        }
        let waker = context.waker();
        let mut registered = state.wakers.iter_mut();
        let known = self
            .number
            .and_then(|number| registered.find(|(known, _)| *known == number));
        if let Some((_, known)) = known {
            known.clone_from(waker);
            return Poll::Pending;
        }
        state.waiting += 1;
        self.number = Some(state.waiting);
        state.wakers.push((state.waiting, waker.clone()));
        Poll::Pending
    }
}

impl<V, T> Drop for Waiting<V, T> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let wakers = &mut self.flight.state.lock().wakers;
            wakers.retain(|(known, _)| *known != number);
        }
    }
}
