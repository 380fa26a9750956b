//! `or_load` never brings a part as the whole: random worlds, each answer compared with what the
//! source held at some moment between the call and the return.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use larder::{
    Cache, CacheFields, CacheModel, EmbeddedStore, Extent, Filter, PutOptions, Store, Total,
    Truncation,
};
use larder_core::{FillContext, Policy};
use larder_testkit::generate::Dice;
use larder_testkit::{EncodedStore, ManualClock, ReferenceStore};
use serde::{Deserialize, Serialize};

const IDS: usize = 12;
const GROUPS: usize = 3;
const RANKS: usize = 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "listed")]
struct Listed {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    group: u64,
    #[cache(index, sort)]
    rank: u64,
}

type Rows = BTreeMap<u64, Listed>;

/// What a list is asked for.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    All,
    Group(u64),
    GroupAbove(u64, u64),
    Ranks(u64, u64),
}

impl Wanted {
    fn any(dice: &mut Dice) -> Self {
        let (group, rank) = (dice.below(GROUPS) as u64, dice.below(RANKS) as u64);
        match dice.below(5) {
            0 => Self::All,
            1 | 2 => Self::Group(group),
            3 => Self::GroupAbove(group, rank),
            _ => Self::Ranks(rank, rank + dice.below(RANKS) as u64),
        }
    }

    fn filter(self, fields: <Listed as CacheFields>::Fields<Listed>) -> Filter<Listed> {
        match self {
            Self::All => Filter::all(),
            Self::Group(group) => fields.group.eq(group),
            Self::GroupAbove(group, rank) => fields.group.eq(group) & fields.rank.gt(rank),
            Self::Ranks(low, high) => fields.rank.between(low..=high),
        }
    }

    fn matches(self, row: &Listed) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => row.group == group,
            Self::GroupAbove(group, rank) => row.group == group && row.rank > rank,
            Self::Ranks(low, high) => (low..=high).contains(&row.rank),
        }
    }
}

/// The source at every moment there was.
struct History {
    moments: Vec<Rows>,
    /// The last moment that the cache was told of.
    told: usize,
}

struct World {
    cache: Cache<Listed>,
    clock: ManualClock,
    policy: Policy,
    dice: Mutex<Dice>,
    history: Mutex<History>,
    /// Writes come one after the other: else there would be no moments.
    turn: tokio::sync::Mutex<()>,
}

/// What the run saw.
#[derive(Debug, Default)]
struct Counts {
    whole: u64,
    pages: u64,
    truncated: u64,
    covered: u64,
}

impl World {
    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().expect("no panics")
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().expect("no panics")
    }

    fn below(&self, end: usize) -> u64 {
        self.dice().below(end) as u64
    }

    fn now(&self) -> Rows {
        let history = self.history();
        history.moments.last().expect("a moment").clone()
    }

    /// Changes the source; gives the number of the moment, which is the version of what changed.
    fn change<T>(&self, change: impl FnOnce(&mut Rows) -> T) -> u64 {
        let mut history = self.history();
        let mut rows = history.moments.last().expect("a moment").clone();
        change(&mut rows);
        history.moments.push(rows);
        history.moments.len() as u64
    }

    fn told(&self) {
        let mut history = self.history();
        history.told = history.moments.len() - 1;
    }

    fn any_row(&self) -> Listed {
        Listed {
            id: self.below(IDS),
            group: self.below(GROUPS),
            rank: self.below(RANKS),
        }
    }

    /// Something happens to the source or the cache.
    async fn disturb(&self) {
        let _turn = self.turn.lock().await;
        let cache = &self.cache;
        let row = self.any_row();
        let id = row.id;
        match self.below(13) {
            0..3 => {
                self.change(|rows| rows.insert(id, row.clone()));
                self.pause().await;
                let ttl = Duration::from_secs(1 + self.below(40));
                let options = PutOptions::default().with_ttl(ttl).with_tags(["put"]);
                cache.put_with(row, options).await.expect("a put");
            }
            3 => {
                let version = self.change(|rows| rows.insert(id, row.clone()));
                cache.put_if_newer(row, version).await.expect("a put");
            }
            4 => {
                self.change(|rows| rows.remove(&id));
                self.pause().await;
                cache.remove(&id).await.expect("a removal");
            }
            5 => {
                let version = self.change(|rows| rows.remove(&id));
                let removed = cache.remove_if_newer(&id, version).await;
                removed.expect("a removal");
            }
            6 => {
                self.change(|rows| rows.insert(id, row.clone()));
                let updated = cache.update(&id, |there| *there = row.clone()).await;
                if updated.expect("an update").is_none() {
                    cache.put(row).await.expect("a put");
                }
            }
            // Rows move past the cache, which is told what they were and what they are.
            7 => {
                let (from, to) = (row.group, self.below(GROUPS));
                self.change(|rows| {
                    for row in rows.values_mut().filter(|row| row.group == from) {
                        row.group = to;
                    }
                });
                self.pause().await;
                let gone = cache.invalidate_where(|row| row.group.eq(from) | row.group.eq(to));
                gone.await.expect("an invalidation");
            }
            // What is no change of the source.
            8 => drop(cache.expire(&id).await.expect("an expiry")),
            9 => drop(cache.remove(&id).await.expect("a removal")),
            10 => match self.below(3) {
                0 => drop(cache.remove_tagged(["loaded"]).await.expect("a removal")),
                1 => drop(cache.expire_tagged(["put"]).await.expect("an expiry")),
                _ => cache.clear().await.expect("a clearance"),
            },
            11 => self.clock.advance(Duration::from_secs(self.below(15))),
            _ => {
                let found = self.now().remove(&id);
                let load = move |_| async move { Ok::<_, Infallible>(found) };
                cache.get_or_load(&id, load).await.expect("an answer");
            }
        }
        self.told();
    }

    async fn pause(&self) {
        if self.below(2) == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// What a loader does: it takes its time, and leaves something out if it is told to.
    async fn bring(&self, wanted: Wanted, cut: bool, fill: FillContext<Listed>) -> Vec<Listed> {
        fill.add_tags(["loaded"]);
        for _ in 0..self.below(3) {
            self.disturb().await;
            self.pause().await;
        }
        let mut rows: Vec<Listed> = self.now().into_values().collect();
        rows.retain(|row| wanted.matches(row));
        for _ in 0..self.below(3) {
            self.pause().await;
            self.disturb().await;
        }
        if cut {
            fill.truncated();
            let left = self.below(rows.len() + 1);
            rows.truncate(left as usize);
        }
        rows
    }

    /// Asks for a list, and compares the answer.
    async fn list(self: &Arc<Self>, counts: &Mutex<Counts>) {
        let wanted = Wanted::any(&mut self.dice());
        let limit = (self.below(3) == 0).then(|| self.below(5) as usize);
        let cut = self.below(6) == 0;
        let from = self.history().told;
        let world = Arc::clone(self);
        let load =
            move |fill| async move { Ok::<_, Infallible>(world.bring(wanted, cut, fill).await) };
        let mut find = self.cache.find(|fields| wanted.filter(fields));
        find = find.sort(|row| row.rank.desc()).with_total();
        if let Some(limit) = limit {
            find = find.limit(limit);
        }
        let page = find.or_load_with(&self.policy, load).await.expect("a list");
        let items: Vec<Listed> = page.items.iter().map(|row| Listed::clone(row)).collect();
        let history = self.history();
        let moments = &history.moments[from..];
        let mut counts = counts.lock().expect("no panics");
        let whole = match page.extent {
            Extent::Exhausted => true,
            Extent::Truncated(Truncation::Limit) => false,
            Extent::Truncated(_) => {
                counts.truncated += 1;
                let held = |row: &Listed| moments.iter().any(|rows| rows.get(&row.id) == Some(row));
                assert!(
                    items.iter().all(held),
                    "{wanted:?} brings what never was: {items:?}"
                );
                return;
            }
        };
        let is_answer = |rows: &Rows| {
            let mut rows: Vec<&Listed> = rows.values().filter(|row| wanted.matches(row)).collect();
            rows.sort_by_key(|row| (std::cmp::Reverse(row.rank), row.id));
            let count = rows.len();
            let shown = limit.unwrap_or(count).min(count);
            page.total == Some(Total::Exact(count as u64))
                && (shown == count) == whole
                && items.iter().eq(rows.into_iter().take(shown))
        };
        match whole {
            true => counts.whole += 1,
            false => counts.pages += 1,
        }
        assert!(
            moments.iter().any(is_answer),
            "{wanted:?}, limit {limit:?}: {items:?}, {:?}, {:?}; the source: {moments:?}",
            page.total,
            page.extent
        );
    }
}

async fn world(store: Store, clock: ManualClock, dice: Dice, counts: &Mutex<Counts>) {
    let ttl = Duration::from_secs(20);
    let cache = Cache::builder(store)
        .ttl(ttl)
        .build()
        .await
        .expect("a cache");
    let world = Arc::new(World {
        cache,
        clock,
        policy: Policy::default(),
        dice: Mutex::new(dice),
        history: Mutex::new(History {
            moments: vec![Rows::new()],
            told: 0,
        }),
        turn: tokio::sync::Mutex::default(),
    });
    for _ in 0..40 {
        match world.below(6) {
            0..2 => world.disturb().await,
            2..5 => world.list(counts).await,
            // Two at once: one may follow the other.
            _ => drop(tokio::join!(world.list(counts), world.list(counts))),
        }
    }
    let loads = world.cache.stats().await.expect("stats").loads;
    counts.lock().expect("no panics").covered += loads.lists_covered;
}

/// One maker of stores.
type Make = fn(ManualClock) -> Store;

#[tokio::test]
async fn a_list_that_says_it_is_whole_is_what_the_source_held() {
    let worlds: u64 = match cfg!(debug_assertions) {
        true => 150,
        false => 5_000,
    };
    let makes: [(&str, Make); 4] = [
        ("reference", |clock| Arc::new(ReferenceStore::new(clock))),
        ("encoded, with leases", |clock| {
            Arc::new(EncodedStore::new(clock, larder_core::codec::Bincode))
        }),
        ("embedded, indexing late", |clock| {
            let builder = EmbeddedStore::builder().clock(clock);
            builder.build().expect("a store").into()
        }),
        ("embedded, with evictions", |clock| {
            let builder = EmbeddedStore::builder().clock(clock).flush_at(2);
            builder.max_objects(7).build().expect("a store").into()
        }),
    ];
    for (name, make) in makes {
        let counts = Mutex::default();
        for seed in 0..worlds {
            let clock = ManualClock::default();
            // Of a world that fails, this is the last line.
            let told = Told(name, seed);
            world(make(clock.clone()), clock, Dice::new(seed), &counts).await;
            told.well();
        }
        let Counts {
            whole,
            pages,
            truncated,
            covered,
        } = counts.into_inner().expect("no panics");
        println!(
            "{name}: {worlds} worlds, {whole} whole lists, {pages} pages, {truncated} truncated; {covered} from the cache alone"
        );
        assert!(covered > 0 && truncated > 0 && pages > 0);
    }
}

/// Names the world that fails.
struct Told(&'static str, u64);

impl Told {
    fn well(self) {
        std::mem::forget(self);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        println!("in world {} on {}", self.1, self.0);
    }
}

/// What the source has of group 1, in as many rows.
async fn group(cache: &Cache<Listed>, rows: u64) -> usize {
    let row = |id| Listed {
        id,
        group: 1,
        rank: 0,
    };
    let load = move || async move { Ok::<_, Infallible>((0..rows).map(row)) };
    let find = cache.find(|row| row.group.eq(1u64));
    let page = find.or_load(load).await.expect("a list");
    assert_eq!(page.extent, Extent::Exhausted);
    page.items.len()
}

#[tokio::test]
async fn a_list_is_loaded_anew_once_another_program_removed_what_was_not_there() {
    let store = EncodedStore::new(ManualClock::default(), larder_core::codec::Bincode);
    let theirs = Cache::<Listed>::builder(Arc::new(store.another()) as Store);
    let theirs = theirs.build().await.expect("a cache");
    let ours = Cache::<Listed>::builder(Arc::new(store) as Store);
    let ours = ours.build().await.expect("a cache");
    assert_eq!(group(&ours, 1).await, 1);
    assert_eq!(group(&ours, 2).await, 1, "it is known");
    // A row came into the group in the source; another program says so as all do, by its removal.
    theirs.remove(&1).await.expect("a removal");
    assert_eq!(group(&ours, 2).await, 2);
    theirs
        .invalidate_where(|row| row.group.eq(2u64))
        .await
        .expect("an invalidation");
    assert_eq!(group(&ours, 3).await, 3);
}
