//! Raced operations on real caches, and the checker of what they bring.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::{Cache, CacheModel, Filter, PutOptions, Store};
use larder_core::{FillContext, Policy};
use larder_testkit::generate::Dice;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use crate::source::{Row, Source};

/// How many objects each cache is about.
const KEYS: u64 = 4;

/// A copy of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "raced")]
pub(crate) struct Copy {
    #[cache(id)]
    pub(crate) id: u64,
    #[cache(index, sort)]
    pub(crate) version: u64,
}

/// Every eighth version of a row is its absence.
fn is_there(version: u64) -> bool {
    !version.is_multiple_of(8)
}

fn copy(id: u64, version: u64) -> Option<Copy> {
    is_there(version).then_some(Copy { id, version })
}

fn tag(id: u64) -> String {
    format!("t{}", id % 2)
}

/// How the writes of a cache race. What they may not do is what nobody could order: a plain put
/// that was on its way while a later write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Puts and updates one at a time, by the process that owns the object; removals and
    /// invalidations race each other.
    Put,
    /// Removals and invalidations alone, by anybody.
    Removed,
    /// Puts and removals with versions, by anybody.
    Versioned,
}

const KINDS: [Kind; 3] = [Kind::Put, Kind::Removed, Kind::Versioned];

/// How many rows the source has to have.
pub(crate) const ROWS: Row = KINDS.len() as Row * KEYS as Row;

/// What the run saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) operations: AtomicU64,
    pub(crate) stale_stores: AtomicU64,
}

/// One of the caches.
struct Race {
    kind: Kind,
    cache: Cache<Copy>,
    turns: [RwLock<()>; KEYS as usize],
}

/// The caches of one process.
pub(crate) struct Storm {
    races: Vec<Race>,
    source: Source,
    /// The number of this process, and how many there are.
    process: u64,
    processes: u64,
    seen: Seen,
}

impl Storm {
    pub(crate) async fn new(
        store: impl Into<Store>,
        source: Source,
        process: u64,
        processes: u64,
    ) -> Arc<Self> {
        let store = store.into();
        let mut races = Vec::new();
        for kind in KINDS {
            let cache = Cache::builder(Arc::clone(&store)).name(format!("{kind:?}").to_lowercase());
            races.push(Race {
                kind,
                cache: cache.build().await.expect("a cache"),
                turns: Default::default(),
            });
        }
        Arc::new(Self {
            races,
            source,
            process,
            processes,
            seen: Seen::default(),
        })
    }

    /// So many operations in so many tasks; then a look at what is left.
    pub(crate) async fn rage(self: &Arc<Self>, operations: u64, tasks: u64, seed: u64) -> &Seen {
        let task = |task| {
            let storm = Arc::clone(self);
            tokio::spawn(async move {
                let mut dice = Dice::new(seed ^ ((storm.process * tasks + task) << 32));
                for _ in 0..operations / tasks {
                    storm.act(&mut dice).await;
                    storm.seen.operations.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks: Vec<_> = (0..tasks).map(task).collect();
        for task in tasks {
            task.await.expect("a task ends");
        }
        for race in &self.races {
            self.find(race).await;
        }
        &self.seen
    }

    /// What the caches tell of their loads.
    pub(crate) async fn told(&self) -> String {
        let (mut finished, mut waiters, mut rejected) = (0, 0, 0);
        for race in &self.races {
            let loads = race.cache.stats().await.expect("stats").loads;
            finished += loads.finished;
            waiters += loads.waiters;
            let reasons = loads.rejected;
            rejected += reasons.written + reasons.invalidated + reasons.outrun;
            rejected += reasons.older + reasons.unleased;
            assert_eq!(reasons.store_failed + loads.failed, 0);
        }
        format!("{finished} loads, {waiters} waited for another's, {rejected} were overtaken")
    }

    fn row(race: &Race, id: u64) -> Row {
        let kind = KINDS.iter().position(|kind| *kind == race.kind);
        (kind.expect("one of them") as u64 * KEYS + id) as Row
    }

    async fn completed(&self, race: &Race, id: u64) -> u64 {
        self.source.completed(Self::row(race, id)).await
    }

    async fn completed_all(&self, race: &Race) -> Vec<u64> {
        let mut completed = Vec::new();
        for id in 0..KEYS {
            completed.push(self.completed(race, id).await);
        }
        completed
    }

    /// Checks a copy that came of a read which began when `since` was the last completed version.
    fn check(&self, how: &str, race: &Race, since: u64, found: Option<&Copy>) {
        if let Some(copy) = found
            && copy.version < since
        {
            let kind = race.kind;
            self.stale(format_args!(
                "{how} of {kind:?} brings {copy:?} after {since}"
            ));
        }
    }

    fn stale(&self, what: fmt::Arguments<'_>) {
        // All are counted; the first few say enough.
        if self.seen.stale_stores.fetch_add(1, Ordering::Relaxed) < 10 {
            println!("stale: {what}");
        }
    }

    async fn act(&self, dice: &mut Dice) {
        let race = &self.races[dice.below(KINDS.len())];
        let id = dice.below(KEYS as usize) as u64;
        match dice.below(100) {
            0..45 => self.load(dice, race, id).await,
            45..50 => self.load_many(dice, race).await,
            50..55 => self.load_list(dice, race).await,
            55..70 => {
                let since = self.completed(race, id).await;
                let found = race.cache.get(&id).await.expect("a read");
                self.check("get", race, since, found.as_deref());
            }
            70..73 => {
                let since = self.completed(race, id).await;
                let found = race.cache.peek(&id);
                self.check("peek", race, since, found.as_deref());
            }
            73..76 => self.find(race).await,
            _ => self.write(dice, race, id).await,
        }
    }

    fn loader(&self, dice: &mut Dice, race: &Race) -> Loader {
        Loader {
            source: self.source.clone(),
            first: Self::row(race, 0),
            pauses: dice.below(4),
            versioned: race.kind == Kind::Versioned,
        }
    }

    async fn load(&self, dice: &mut Dice, race: &Race, id: u64) {
        let since = self.completed(race, id).await;
        let loader = self.loader(dice, race);
        let load =
            move |id, fill| async move { Ok::<_, Infallible>(loader.bring(id, &fill).await) };
        let policy = Policy::default();
        let answer = race.cache.get_or_load_with(&id, &policy, load);
        let answer = answer.await.expect("an answer");
        self.check_answer("get_or_load", race, id, since, answer.as_deref())
            .await;
    }

    async fn load_many(&self, dice: &mut Dice, race: &Race) {
        let ids: Vec<u64> = (0..KEYS).collect();
        let since = self.completed_all(race).await;
        let loader = self.loader(dice, race);
        let load =
            move |ids, fill| async move { Ok::<_, Infallible>(loader.bring_all(ids, &fill).await) };
        let policy = Policy::default();
        let answers = race.cache.get_or_load_many_with(&ids, &policy, load);
        let answers = answers.await.expect("answers");
        for (id, answer) in ids.into_iter().zip(answers) {
            let since = since[id as usize];
            self.check_answer("get_or_load_many", race, id, since, answer.as_deref())
                .await;
        }
    }

    async fn load_list(&self, dice: &mut Dice, race: &Race) {
        let since = self.completed_all(race).await;
        let loader = self.loader(dice, race);
        let load = move |fill: FillContext<Copy>| async move {
            Ok::<_, Infallible>(loader.bring_all((0..KEYS).collect(), &fill).await)
        };
        let find = race.cache.find(|_| Filter::all());
        let page = find.or_load_with(&Policy::default(), load).await;
        for id in 0..KEYS {
            let items = &page.as_ref().expect("a list").items;
            let answer = items.iter().find(|copy| copy.id == id);
            let since = since[id as usize];
            self.check_answer("or_load", race, id, since, answer.map(|copy| &**copy))
                .await;
        }
    }

    /// Checks what a load answered.
    async fn check_answer(
        &self,
        how: &str,
        race: &Race,
        id: u64,
        since: u64,
        answer: Option<&Copy>,
    ) {
        // What another process is loading may be older: nothing says so until it is stored.
        if self.processes > 1 {
            return;
        }
        self.check(how, race, since, answer);
        if answer.is_none() {
            let now = self.source.version(Self::row(race, id)).await;
            if (since..=now).all(is_there) {
                let kind = race.kind;
                self.stale(format_args!(
                    "{how} of {kind:?} brings no {id} after {since}"
                ));
            }
        }
    }

    async fn find(&self, race: &Race) {
        let since = self.completed_all(race).await;
        let found = race.cache.all().await.expect("a list");
        for copy in found {
            self.check("find", race, since[copy.id as usize], Some(&copy));
        }
    }

    async fn write(&self, dice: &mut Dice, race: &Race, id: u64) {
        let cache = &race.cache;
        let row = Self::row(race, id);
        let ours = id % self.processes == self.process;
        match race.kind {
            Kind::Versioned => {
                let version = self.source.change(row).await;
                match copy(id, version) {
                    Some(copy) => drop(cache.put_if_newer(copy, version).await.expect("a put")),
                    None => drop(
                        cache
                            .remove_if_newer(&id, version)
                            .await
                            .expect("a removal"),
                    ),
                }
                self.source.complete(row, version).await;
            }
            Kind::Put if ours && dice.chance(50) => {
                let _turn = race.turns[id as usize].write().await;
                let version = self.source.change(row).await;
                let updated = match dice.chance(30) && is_there(version) {
                    true => cache.update(&id, |copy| copy.version = version).await,
                    false => Ok(None),
                };
                if updated.expect("an update").is_none() {
                    let options = PutOptions::default().with_tags([tag(id)]);
                    match copy(id, version) {
                        Some(copy) => drop(cache.put_with(copy, options).await.expect("a put")),
                        None => drop(cache.remove(&id).await.expect("a removal")),
                    }
                }
                self.source.complete(row, version).await;
            }
            Kind::Put if ours => {
                let _turn = race.turns[id as usize].read().await;
                let version = self.source.change(row).await;
                match dice.chance(50) {
                    true => cache.remove(&id).await.expect("a removal"),
                    false => cache.expire(&id).await.expect("an expiry"),
                };
                self.source.complete(row, version).await;
            }
            // What concerns several objects would race the puts of their owners.
            Kind::Put if self.processes > 1 => {}
            Kind::Put | Kind::Removed => self.invalidate(dice, race, id).await,
        }
    }

    /// Changes some rows in the source, and tells the cache in one of the ways there are.
    async fn invalidate(&self, dice: &mut Dice, race: &Race, id: u64) {
        let way = dice.below(7);
        let ids: Vec<u64> = match way {
            0 | 1 => vec![id],
            2 | 3 => (0..KEYS).filter(|other| other % 2 == id % 2).collect(),
            _ => (0..KEYS).collect(),
        };
        let mut turns = Vec::new();
        let mut versions = Vec::new();
        for id in &ids {
            turns.push(race.turns[*id as usize].read().await);
            versions.push(self.source.change(Self::row(race, *id)).await);
        }
        let cache = &race.cache;
        let last = versions.iter().copied().max().unwrap_or_default();
        match way {
            0 => drop(cache.remove(&id).await.expect("a removal")),
            1 => drop(cache.expire(&id).await.expect("an expiry")),
            2 => drop(cache.remove_tagged([tag(id)]).await.expect("a removal")),
            3 => drop(cache.expire_tagged([tag(id)]).await.expect("an expiry")),
            // All that the rows were.
            4 => {
                let gone = cache.invalidate_where(|copy| copy.version.lt(last));
                gone.await.expect("an invalidation");
            }
            5 => drop(cache.expire_all().await.expect("an expiry")),
            _ => cache.clear().await.expect("a clearance"),
        }
        for (id, version) in ids.iter().zip(versions) {
            self.source.complete(Self::row(race, *id), version).await;
        }
    }
}

/// Brings rows from the source, and takes its time.
struct Loader {
    source: Source,
    first: Row,
    pauses: usize,
    versioned: bool,
}

impl Loader {
    async fn bring(&self, id: u64, fill: &FillContext<Copy>) -> Option<Copy> {
        let version = self.source.version(self.first + id as Row).await;
        for _ in 0..self.pauses {
            tokio::task::yield_now().await;
        }
        fill.add_tags([tag(id)]);
        if self.versioned {
            fill.set_version(version);
        }
        copy(id, version)
    }

    async fn bring_all(&self, ids: Vec<u64>, fill: &FillContext<Copy>) -> Vec<Copy> {
        if self.versioned {
            fill.version_by(|copy| copy.version);
        }
        let mut copies = Vec::new();
        for id in ids {
            let version = self.source.version(self.first + id as Row).await;
            copies.extend(copy(id, version));
            tokio::task::yield_now().await;
        }
        // Absences too.
        fill.add_tags([tag(0), tag(1)]);
        copies
    }
}
