//! A small world around the flight table: a source whose rows have versions, a store that takes
//! its time, and what is never to happen in it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Count, Ordering as Order};
use std::task::{Context, Poll, Waker};

use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::RwLock;

use crate::protocol::Protocol;
use crate::sync::{AtomicU64, Mutex, Ordering};

pub(crate) type Key = usize;
pub(crate) type Version = u64;

/// How many keys there are: 0 has the tag 0, 1 the tag 1.
const KEYS: usize = 2;

/// What is invalidated other than by key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Threat {
    /// What has this tag.
    Tag(usize),
    /// By a filter: what is older than this.
    Below(Version),
    All,
}

impl Threat {
    fn hits(&self, key: Key, version: Version) -> bool {
        match self {
            Self::Tag(tag) => *tag == key,
            Self::Below(end) => version < *end,
            Self::All => true,
        }
    }

    fn keys(&self) -> Vec<Key> {
        match self {
            Self::Tag(tag) => vec![*tag],
            Self::Below(_) | Self::All => (0..KEYS).collect(),
        }
    }
}

/// What was seen in all schedules of a run.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) schedules: Count,
    /// Stores of what was older than the last completed write or invalidation.
    pub(crate) stale_stores: Count,
    /// Answers that were older than the last write completed before the question.
    pub(crate) stale_answers: Count,
    /// Loads that stored what they brought, and those that were kept from it.
    pub(crate) stored: Count,
    pub(crate) overtaken: Count,
}

impl Verdict {
    pub(crate) fn add(count: &Count) {
        count.fetch_add(1, Order::Relaxed);
    }

    pub(crate) fn stale(&self) -> u64 {
        self.stale_stores.load(Order::Relaxed) + self.stale_answers.load(Order::Relaxed)
    }
}

pub(crate) struct World<P> {
    flights: Arc<P>,
    rows: Mutex<[Version; KEYS]>,
    last: AtomicU64,
    store: [Mutex<Option<Version>>; KEYS],
    /// Puts of one key that race each other have no order which anybody could promise: each
    /// waits for its turn. Removals and invalidations race as they like.
    turns: [RwLock<()>; KEYS],
    /// The version of the last completed write; to look at it is no step of a schedule.
    completed: std::sync::Mutex<[Version; KEYS]>,
    verdict: Arc<Verdict>,
}

/// How far a leader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lands,
    LostWhileLoading,
    LostBeforeStoring,
    LostBehindStoring,
}

/// What a task of a scenario may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Load,
    /// A load whose task is dropped somewhere.
    LostLoad,
    /// A caller that goes away, whoever leads.
    LeavingCaller,
    Get,
    Put,
    /// A put that is dropped before the store was told.
    LostPut,
    PutBoth,
    Remove,
    InvalidateTag,
    InvalidateWhere,
    Clear,
    Batch,
}

impl<P: Protocol> World<P> {
    fn new(verdict: Arc<Verdict>) -> Self {
        Self {
            flights: P::begin(),
            rows: Mutex::new([1; KEYS]),
            last: AtomicU64::new(1),
            store: std::array::from_fn(|_| Mutex::new(None)),
            turns: std::array::from_fn(|_| RwLock::new(())),
            completed: std::sync::Mutex::new([0; KEYS]),
            verdict,
        }
    }

    fn completed(&self, key: Key) -> Version {
        self.completed.lock().expect("no panics")[key]
    }

    fn complete(&self, keys: &[Key], version: Version) {
        // A step: what is under way elsewhere may end before this write is known to have.
        self.step();
        let mut completed = self.completed.lock().expect("no panics");
        for key in keys {
            completed[*key] = completed[*key].max(version);
        }
    }

    /// A place where another task may go on.
    fn step(&self) {
        self.last.load(Ordering::SeqCst);
    }

    /// Changes rows in the source.
    fn change(&self, keys: &[Key]) -> Version {
        let version = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let mut rows = self.rows.lock();
        for key in keys {
            rows[*key] = rows[*key].max(version);
        }
        version
    }

    fn read(&self, key: Key) -> Version {
        self.rows.lock()[key]
    }

    fn get(&self, key: Key) -> Option<Version> {
        *self.store[key].lock()
    }

    fn store(&self, key: Key, version: Version) {
        self.step();
        let mut entry = self.store[key].lock();
        if version < self.completed(key) {
            Verdict::add(&self.verdict.stale_stores);
        }
        *entry = Some(version);
    }

    fn answer(&self, since: Version, answer: Version) {
        if answer < since {
            Verdict::add(&self.verdict.stale_answers);
        }
    }

    async fn load(&self, key: Key, fate: Fate) {
        let since = self.completed(key);
        if let Some(version) = self.get(key) {
            return self.answer(since, version);
        }
        self.obtain(key, since, fate).await;
    }

    /// What a load does that did not find anything at its first look.
    async fn obtain(&self, key: Key, since: Version, fate: Fate) {
        let lead = match self.flights.join(key) {
            Err(follow) => {
                if let Some(version) = follow.await {
                    self.answer(since, version);
                }
                return;
            }
            Ok(lead) => lead,
        };
        if let Some(version) = self.get(key) {
            self.answer(since, version);
            return P::land(lead, version);
        }
        let version = self.read(key);
        if fate == Fate::LostWhileLoading {
            return;
        }
        match P::commit(&lead, |threat| threat.hits(key, version)) {
            None => Verdict::add(&self.verdict.overtaken),
            Some(storing) => {
                if fate == Fate::LostBeforeStoring {
                    drop(lead);
                    return drop(storing);
                }
                Verdict::add(&self.verdict.stored);
                self.store(key, version);
                if fate == Fate::LostBehindStoring {
                    drop(lead);
                    return drop(storing);
                }
                drop(storing);
            }
        }
        self.answer(since, version);
        P::land(lead, version);
    }

    async fn leave(&self, key: Key) {
        // Whoever leads here without a task is lost to those who follow; see `LostLoad`.
        if let Err(mut follow) = self.flights.join(key) {
            poll_once(&mut follow);
        }
    }

    /// Waits for the turn to put, and changes the rows.
    async fn put(&self, keys: &[Key], lost: bool) {
        let turns: Vec<_> = keys.iter().map(|key| self.turns[*key].write()).collect();
        let version = self.change(keys);
        if lost {
            poll_once(pin!(self.flights.write(keys)));
            return;
        }
        let writing = self.flights.write(keys).await;
        for key in keys {
            self.store(*key, version);
        }
        drop(writing);
        self.complete(keys, version);
        drop(turns);
    }

    async fn remove(&self, key: Key) {
        let _turn = self.turns[key].read();
        let version = self.change(&[key]);
        let writing = self.flights.write(&[key]).await;
        *self.store[key].lock() = None;
        drop(writing);
        self.complete(&[key], version);
    }

    async fn invalidate(&self, threat: impl FnOnce(Version) -> Threat, keys: &[Key]) {
        let _turns: Vec<_> = keys.iter().map(|key| self.turns[*key].read()).collect();
        let version = self.change(keys);
        let threat = threat(version);
        let threatening = self.flights.threaten(threat).await;
        for (key, entry) in self.store.iter().enumerate() {
            let mut entry = entry.lock();
            if entry.is_some_and(|version| threat.hits(key, version)) {
                *entry = None;
            }
        }
        drop(threatening);
        self.complete(&threat.keys(), version);
    }

    fn batch(&self) {
        let batch = self.flights.batch();
        let keys: Vec<Key> = (0..KEYS).collect();
        let versions: Vec<Version> = keys.iter().map(|key| self.read(*key)).collect();
        let hits = |at: usize, threat: &Threat| threat.hits(keys[at], versions[at]);
        let (storing, leave) = P::commit_batch(&batch, &keys, hits);
        for key in keys {
            if leave[key] {
                Verdict::add(&self.verdict.stored);
                self.store(key, versions[key]);
            } else {
                Verdict::add(&self.verdict.overtaken);
            }
        }
        drop(storing);
    }

    async fn act(&self, deed: Deed) {
        let key = thread_rng().gen_range(0..KEYS);
        let all: Vec<Key> = (0..KEYS).collect();
        match deed {
            Deed::Load => self.load(key, Fate::Lands).await,
            Deed::LostLoad => {
                let fates = [
                    Fate::LostWhileLoading,
                    Fate::LostBeforeStoring,
                    Fate::LostBehindStoring,
                ];
                self.load(key, fates[thread_rng().gen_range(0..3)]).await;
            }
            Deed::LeavingCaller => self.leave(key).await,
            Deed::Get => {
                let since = self.completed(key);
                if let Some(version) = self.get(key) {
                    self.answer(since, version);
                }
            }
            Deed::Put => self.put(&[key], false).await,
            Deed::LostPut => self.put(&[key], true).await,
            Deed::PutBoth => self.put(&all, false).await,
            Deed::Remove => self.remove(key).await,
            Deed::InvalidateTag => self.invalidate(|_| Threat::Tag(key), &[key]).await,
            Deed::InvalidateWhere => self.invalidate(Threat::Below, &all).await,
            Deed::Clear => self.invalidate(|_| Threat::All, &all).await,
            Deed::Batch => self.batch(),
        }
    }

    /// At the end nothing is under way, and nothing is old.
    fn ended(&self) {
        assert_eq!(self.flights.live(), 0, "a flight never ended");
        for key in 0..KEYS {
            if self
                .get(key)
                .is_some_and(|there| there < self.completed(key))
            {
                Verdict::add(&self.verdict.stale_stores);
            }
        }
    }
}

fn poll_once(future: impl Future + Unpin) {
    let mut future = future;
    let mut context = Context::from_waker(Waker::noop());
    let polled: Poll<_> = std::pin::Pin::new(&mut future).poll(&mut context);
    drop(polled);
}

/// One schedule: so many tasks of so many deeds each, drawn from these.
pub(crate) fn play<P: Protocol>(
    deeds: &'static [Deed],
    tasks: usize,
    each: usize,
    verdict: &Arc<Verdict>,
) {
    let world = Arc::new(World::<P>::new(Arc::clone(verdict)));
    let task = |_| {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || {
            for _ in 0..each {
                let deed = deeds[thread_rng().gen_range(0..deeds.len())];
                block_on(world.act(deed));
            }
        })
    };
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    for task in tasks {
        task.join().expect("a task ends");
    }
    world.ended();
}

/// One schedule: callers of one key that nobody knows yet. One load, an answer to each.
pub(crate) fn cold<P: Protocol>(callers: usize, verdict: &Arc<Verdict>) {
    let world = Arc::new(World::<P>::new(Arc::clone(verdict)));
    let caller = |_| {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || block_on(world.load(0, Fate::Lands)))
    };
    let callers: Vec<_> = (0..callers).map(caller).collect();
    for caller in callers {
        caller.join().expect("a caller is answered");
    }
    world.ended();
    assert_eq!(world.get(0), Some(1));
}

/// One schedule: a flight finds in the store what is on its way out, and others ask meanwhile.
pub(crate) fn looks<P: Protocol>(verdict: &Arc<Verdict>) {
    let world = Arc::new(World::<P>::new(Arc::clone(verdict)));
    block_on(world.put(&[0], false));
    let other = Arc::clone(&world);
    // Its first look was before the put.
    let flight = shuttle::thread::spawn(move || block_on(other.obtain(0, 0, Fate::Lands)));
    block_on(async {
        match thread_rng().gen_range(0..2) {
            0 => world.remove(0).await,
            _ => world.invalidate(|_| Threat::All, &[0, 1]).await,
        }
        world.load(0, Fate::Lands).await;
    });
    flight.join().expect("a load ends");
    world.ended();
}

/// One schedule: a load of a key and the invalidation of another. It is stored.
pub(crate) fn unconcerned<P: Protocol>(verdict: &Arc<Verdict>) {
    let world = Arc::new(World::<P>::new(Arc::clone(verdict)));
    let other = Arc::clone(&world);
    let invalidation = shuttle::thread::spawn(move || {
        block_on(other.invalidate(|_| Threat::Tag(1), &[1]));
    });
    block_on(world.load(0, Fate::Lands));
    invalidation.join().expect("an invalidation ends");
    world.ended();
    assert_eq!(world.get(0), Some(1), "what was not meant was not stored");
}
