//! What the embedded store promises beyond the rules of all stores: bounds, idle objects,
//! indexing in the background, and no trace left behind.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the run reports how much it did")]

#[path = "embedded/kept.rs"]
mod kept;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, CacheModel, EmbeddedStore, Error, ErrorKind, Filter, Lifetime, Policy, PutOptions,
    Stats, StoreStats,
};
use larder_testkit::{ManualClock, Watchdog};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
struct Item {
    #[cache(id)]
    id: u64,
    #[cache(index, text)]
    name: String,
    #[cache(index, sort)]
    version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(ttl = "1s")]
struct Mortal {
    #[cache(id)]
    id: u64,
}

fn item(id: u64) -> Item {
    Item {
        id,
        name: format!("item {id}"),
        version: 0,
    }
}

async fn items(store: &EmbeddedStore) -> Cache<Item> {
    Cache::builder(store.clone()).build().await.unwrap()
}

async fn stats(cache: &Cache<Item>) -> StoreStats {
    let Stats { store, .. } = cache.stats().await.unwrap();
    store
}

/// Checks that every way to ask tells of the same objects; returns their ids.
async fn coherent(cache: &Cache<Item>, asked: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    let objects = stats(cache).await.objects;
    let found: BTreeSet<u64> = cache
        .all()
        .await
        .unwrap()
        .iter()
        .map(|item| item.id)
        .collect();
    assert_eq!(found.len() as u64, objects);
    assert_eq!(cache.count().await.unwrap(), objects);
    for id in asked {
        let there = found.contains(&id);
        assert_eq!(cache.contains(&id).await.unwrap(), there, "{id}");
        let named = cache.find(|i| i.name.eq(format!("item {id}")));
        assert_eq!(named.exists().await.unwrap(), there, "{id}");
        let word = cache.find(|i| i.name.matches(format!("{id}")));
        assert_eq!(word.exists().await.unwrap(), there, "{id}");
    }
    found
}

#[tokio::test]
async fn evicted_objects_are_in_no_answer_and_no_count() {
    for flush_at in [1, 50, 1_000_000] {
        let builder = EmbeddedStore::builder().max_objects(100);
        let store = builder.flush_at(flush_at).build().unwrap();
        let cache = items(&store).await;
        for id in 0..1_000 {
            cache.put(item(id)).await.unwrap();
            let got = cache.get(&id).await.unwrap();
            assert!(got.is_some(), "the newest goes last");
        }
        let StoreStats {
            objects, evictions, ..
        } = stats(&cache).await;
        assert_eq!((objects, evictions), (100, 900));
        let before = coherent(&cache, (0..1_000).step_by(7)).await;
        store.flush().unwrap();
        assert_eq!(coherent(&cache, (0..1_000).step_by(7)).await, before);
        assert!(before.contains(&999));
    }
}

#[tokio::test]
async fn a_bound_in_bytes_is_kept_with_the_index_counted() {
    for flush_at in [1, 1_000_000] {
        const MAX: u64 = 100_000;
        let builder = EmbeddedStore::builder().max_bytes(MAX);
        let store = builder.flush_at(flush_at).build().unwrap();
        let cache = items(&store).await;
        for id in 0..1_000 {
            cache.put(item(id)).await.unwrap();
        }
        let StoreStats {
            objects,
            bytes,
            evictions,
            ..
        } = stats(&cache).await;
        assert!(bytes <= MAX, "{bytes} bytes");
        assert!(objects > 0 && objects < 1_000, "{objects} objects");
        assert_eq!(objects + evictions, 1_000);
        assert!(coherent(&cache, (0..1_000).step_by(7)).await.contains(&999));
    }
}

#[tokio::test]
async fn a_replaced_object_takes_its_place_once() {
    let store = EmbeddedStore::builder().max_objects(10).build().unwrap();
    let cache = items(&store).await;
    for version in 0..50 {
        let round = (0..10).map(|id| Item {
            version,
            ..item(id)
        });
        cache.put_many(round).await.unwrap();
    }
    assert_eq!(stats(&cache).await.evictions, 0);
    assert_eq!(coherent(&cache, 0..10).await.len(), 10);
}

#[tokio::test]
async fn all_models_share_one_bound() {
    let store = EmbeddedStore::builder().max_objects(50).build().unwrap();
    let cache = items(&store).await;
    let other = Cache::<Item>::builder(store.clone()).name("other");
    let other = other.build().await.unwrap();
    for id in 0..100 {
        cache.put(item(id)).await.unwrap();
        other.put(item(id)).await.unwrap();
    }
    let (one, two) = (stats(&cache).await, stats(&other).await);
    assert_eq!(one.objects + two.objects, 50);
    assert_eq!(one.evictions + two.evictions, 150);
    coherent(&cache, 0..100).await;
    coherent(&other, 0..100).await;
}

#[tokio::test]
async fn an_object_larger_than_the_store_is_refused_and_the_old_one_stays() {
    let store = EmbeddedStore::builder().max_bytes(2_000).build().unwrap();
    let cache = items(&store).await;
    cache.put(item(1)).await.unwrap();
    let large = Item {
        name: "x".repeat(3_000),
        ..item(1)
    };
    let refused = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        assert!(error.to_string().contains("max_bytes"), "{error}");
        assert_eq!(error.model(), Some("item"));
    };
    refused(cache.put(large.clone()).await.unwrap_err());
    refused(cache.put_many([item(2), large.clone()]).await.unwrap_err());
    let updated = cache.update(&1, |item| item.name.clone_from(&large.name));
    refused(updated.await.unwrap_err());
    assert_eq!(cache.all().await.unwrap(), [Arc::new(item(1))]);
}

#[tokio::test]
async fn an_object_that_is_read_stays_and_one_that_is_not_goes() {
    let clock = ManualClock::default();
    let idle = Duration::from_millis(100);
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder.time_to_idle(idle).flush_at(1).build().unwrap();
    let cache = items(&store).await;
    cache.put_many([item(1), item(2)]).await.unwrap();
    for _ in 0..5 {
        clock.advance(Duration::from_millis(99));
        assert!(cache.get(&1).await.unwrap().is_some());
    }
    assert_eq!(cache.get(&2).await.unwrap(), None);
    assert_eq!(coherent(&cache, 1..=2).await, [1].into());
    // `coherent` looked at it by id; from then on it is left alone.
    clock.advance(Duration::from_millis(99));
    assert_eq!(cache.count().await.unwrap(), 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(cache.count().await.unwrap(), 0);
    assert_eq!(cache.get(&1).await.unwrap(), None);
}

#[tokio::test]
async fn an_object_that_is_read_expires_all_the_same() {
    let clock = ManualClock::default();
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder
        .time_to_idle(Duration::from_millis(100))
        .build()
        .unwrap();
    let cache = items(&store).await;
    let options = PutOptions::default().with_ttl(Duration::from_millis(150));
    cache.put_with(item(1), options).await.unwrap();
    clock.advance(Duration::from_millis(90));
    assert!(cache.get(&1).await.unwrap().is_some());
    clock.advance(Duration::from_millis(59));
    assert!(cache.get(&1).await.unwrap().is_some());
    clock.advance(Duration::from_millis(1));
    assert_eq!(cache.get(&1).await.unwrap(), None);
    assert_eq!(cache.count().await.unwrap(), 0);
}

#[tokio::test]
async fn objects_that_nobody_reads_are_dropped_from_memory() {
    let clock = ManualClock::default();
    let idle = Duration::from_secs(1);
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder.time_to_idle(idle).build().unwrap();
    let cache = items(&store).await;
    cache.put_many((0..500).map(item)).await.unwrap();
    clock.advance(idle);
    assert_eq!(cache.count().await.unwrap(), 0);
    store.flush().unwrap();
    assert_eq!(stats(&cache).await.expirations, 500);
}

#[tokio::test]
async fn the_stores_lifetime_counts_where_no_other_is_given() {
    let clock = ManualClock::default();
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder.ttl(Duration::from_millis(100)).build().unwrap();
    let cache = items(&store).await;
    let mortals: Cache<Mortal> = Cache::builder(store.clone()).build().await.unwrap();
    let named = |name: &str| Cache::<Item>::builder(store.clone()).name(name);
    let longer = named("longer").ttl(Duration::from_millis(200));
    let longer = longer.build().await.unwrap();
    let forever = named("forever").no_expiry().build().await.unwrap();
    cache.put(item(1)).await.unwrap();
    let options = PutOptions::default().with_lifetime(Lifetime::Forever);
    cache.put_with(item(2), options).await.unwrap();
    mortals.put(Mortal { id: 1 }).await.unwrap();
    longer.put(item(1)).await.unwrap();
    forever.put(item(1)).await.unwrap();
    let there = || async {
        [
            cache.contains(&1).await.unwrap(),
            cache.contains(&2).await.unwrap(),
            mortals.contains(&1).await.unwrap(),
            longer.contains(&1).await.unwrap(),
            forever.contains(&1).await.unwrap(),
        ]
    };
    clock.advance(Duration::from_millis(99));
    assert_eq!(there().await, [true; 5]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(there().await, [false, true, true, true, true]);
    clock.advance(Duration::from_millis(100));
    assert_eq!(there().await, [false, true, true, false, true]);
    clock.advance(Duration::from_millis(800));
    assert_eq!(there().await, [false, true, false, false, true]);
}

#[tokio::test]
async fn a_flush_takes_in_what_is_pending_and_changes_no_answer() {
    let builder = EmbeddedStore::builder().flush_at(1_000_000);
    let store = builder.build().unwrap();
    let cache = items(&store).await;
    for round in 0..5_u64 {
        let some = (0..100).map(|id| Item {
            version: round,
            ..item(id * (round + 1))
        });
        cache.put_many(some).await.unwrap();
        cache.remove(&(round * 3)).await.unwrap();
        let answers = || async {
            let sorted = cache.find(|_| Filter::all()).sort(|i| i.version.desc());
            let words = cache.find(|i| i.name.prefix("1") & !i.name.matches("100"));
            let words = words.sort(|i| i.version.asc());
            (
                sorted.ids().await.unwrap().items,
                words.ids().await.unwrap().items,
            )
        };
        let before = answers().await;
        assert!(stats(&cache).await.pending > 0);
        store.flush().unwrap();
        assert_eq!(stats(&cache).await.pending, 0);
        assert_eq!(answers().await, before);
    }
    let StoreStats {
        flushes,
        background_errors,
        ..
    } = stats(&cache).await;
    assert_eq!((flushes, background_errors), (5, 0));
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let builder = EmbeddedStore::builder;
    let cases = [
        (builder().max_objects(1).max_bytes(1), "max_bytes"),
        (builder().max_objects(0), "capacity"),
        (builder().max_bytes(0), "capacity"),
        (builder().ttl(Duration::ZERO), "lifetime"),
        (builder().time_to_idle(Duration::ZERO), "lifetime"),
        (builder().flush_at(0), "flush_at"),
    ];
    for (builder, named) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(named), "{error}");
    }
}

/// Ends the process with a message should the test hang: nothing else could.
fn watched(test: &'static str) -> Watchdog {
    Watchdog::new(Duration::from_secs(300), move || {
        println!("{test} hangs");
        std::process::abort();
    })
}

#[tokio::test]
async fn dropping_or_closing_a_store_while_a_flush_is_due_does_not_hang() {
    let _watchdog = watched("dropping a store while a flush is due");
    for round in 0..200 {
        let store = EmbeddedStore::builder().flush_at(1).build().unwrap();
        let cache = items(&store).await;
        cache.put_many((0..20).map(item)).await.unwrap();
        cache.remove(&3).await.unwrap();
        match round % 3 {
            0 => drop((store, cache)),
            1 => cache.store().close().await.unwrap(),
            _ => {
                // The cache outlives the name of its store.
                drop(store);
                assert_eq!(cache.count().await.unwrap(), 19);
            }
        }
    }
}

/// Set for the process that runs one test alone, so that the threads it counts are its own.
#[cfg(target_os = "linux")]
const ALONE: &str = "LARDER_TEST_ALONE";

#[cfg(target_os = "linux")]
#[test]
fn thousands_of_stores_leave_no_threads_behind() {
    const STORES: u64 = 2_000;
    const POOL: usize = 64;
    const NAME: &str = "thousands_of_stores_leave_no_threads_behind";
    if std::env::var_os(ALONE).is_none() {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--test-threads=1", "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(alone.status.success(), "{said}");
        assert!(
            said.contains(&format!("stores: {STORES}")),
            "it did not run: {said}"
        );
        return;
    }
    let _watchdog = watched(NAME);
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let before = threads();
    for round in 0..STORES {
        let store = EmbeddedStore::builder().flush_at(1).build().unwrap();
        runtime.block_on(async {
            let cache = items(&store).await;
            cache.put_many((0..5).map(item)).await.unwrap();
            assert_eq!(
                cache.find(|i| i.name.eq("item 3")).count().await.unwrap(),
                1
            );
            if round % 2 == 0 {
                cache.store().close().await.unwrap();
            }
        });
    }
    // The process has one pool of threads for all stores, and a flush under way may outlive its
    // store for a moment; but a thread for each store would be two thousand.
    while threads() > before + POOL {
        std::thread::yield_now();
    }
    println!(
        "stores: {STORES}, threads: {before} before, {} after",
        threads()
    );
}

/// Writers raise versions and announce each only after its `put` returned; readers may see newer
/// ones, never older ones, by id and by query. `LARDER_OPS` sets how many operations.
#[test]
fn a_write_is_seen_by_get_and_find_once_put_returned() {
    const KEYS: u64 = 64;
    let ops: u64 = std::env::var("LARDER_OPS").map_or(20_000, |ops| ops.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = EmbeddedStore::builder().flush_at(200).build().unwrap();
    let cache: Cache<Item> = runtime.block_on(Cache::builder(store).build()).unwrap();
    let promised: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    runtime
        .block_on(cache.put_many((0..KEYS).map(item)))
        .unwrap();
    let checked = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (cache, promised, checked) = (&cache, &promised, &checked);
            let run = move |write: bool| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                for n in 0..ops / 16 {
                    // A key has one writer, so that its versions only rise.
                    let id = if write {
                        (n % 8) * 8 + worker
                    } else {
                        (n * 7 + worker) % KEYS
                    };
                    let floor = promised[id as usize].load(Ordering::SeqCst);
                    if write {
                        let version = floor + 1;
                        runtime
                            .block_on(cache.put(Item {
                                version,
                                ..item(id)
                            }))
                            .unwrap();
                        promised[id as usize].store(version, Ordering::SeqCst);
                        continue;
                    }
                    let got = runtime
                        .block_on(cache.get(&id))
                        .unwrap()
                        .expect("never removed");
                    assert!(
                        got.version >= floor,
                        "get of {id}: {} < {floor}",
                        got.version
                    );
                    let floor = promised[id as usize].load(Ordering::SeqCst);
                    let name = format!("item {id}");
                    let found = runtime
                        .block_on(cache.find(|i| i.name.eq(&name)).one())
                        .unwrap();
                    let found = found.expect("never removed");
                    assert!(
                        found.version >= floor,
                        "find of {id}: {} < {floor}",
                        found.version
                    );
                    checked.fetch_add(1, Ordering::Relaxed);
                }
            };
            scope.spawn(move || run(true));
            scope.spawn(move || run(false));
        }
    });
    println!(
        "operations: {ops}, reads checked: {}",
        checked.load(Ordering::Relaxed)
    );
    assert_eq!(checked.load(Ordering::Relaxed), ops / 16 * 8);
}

/// While writers replace objects and flushes and merges take them over, every query sees each
/// object exactly once. `LARDER_OPS` sets how many writes.
#[test]
fn a_query_sees_each_object_once_while_it_is_replaced_flushed_and_merged() {
    const OBJECTS: u64 = 500;
    let ops: u64 = std::env::var("LARDER_OPS").map_or(20_000, |ops| ops.parse().unwrap());
    let store = EmbeddedStore::builder().flush_at(37).build().unwrap();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let cache = runtime().block_on(async {
        let cache = items(&store).await;
        cache.put_many((0..OBJECTS).map(item)).await.unwrap();
        cache
    });
    let (writing, queries) = (AtomicU64::new(4), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (cache, writing) = (&cache, &writing);
            scope.spawn(move || {
                let runtime = runtime();
                for n in 0..ops / 4 {
                    let object = Item {
                        version: n,
                        ..item((n * 7 + writer * 131) % OBJECTS)
                    };
                    runtime.block_on(cache.put(object)).unwrap();
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..3 {
            let (cache, writing, queries) = (&cache, &writing, &queries);
            scope.spawn(move || {
                let runtime = runtime();
                while writing.load(Ordering::SeqCst) > 0 {
                    let all = cache.find(|_| Filter::all()).sort(|i| i.version.desc());
                    let page = runtime.block_on(all.with_total().ids()).unwrap();
                    let mut ids = page.items;
                    ids.sort_unstable();
                    assert!(ids.into_iter().eq(0..OBJECTS));
                    assert_eq!(page.total.unwrap().count(), OBJECTS);
                    queries.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let queries = queries.into_inner();
    println!("writes: {ops}, queries checked: {queries}");
    assert!(queries > 0);
}

/// tantivy 0.27.0 finds documents for a range that ends below a column's minimum.
#[tokio::test]
async fn range_below_a_columns_minimum_finds_nothing() {
    let store = EmbeddedStore::builder().build().unwrap();
    let cache = items(&store).await;
    let objects = (0..300).map(|id| Item {
        version: 1_000 + id,
        ..item(id)
    });
    cache.put_many(objects).await.unwrap();
    store.flush().unwrap();
    for (below, at_most) in [(1_000, 999), (1_001, 1_000), (5, 4), (9_999, 9_998)] {
        let expected = below.clamp(1_000, 1_300) - 1_000;
        let found = cache.find(|i| i.version.lt(below)).count().await.unwrap();
        assert_eq!(found, expected, "< {below}");
        let found = cache.find(|i| i.version.le(at_most)).count().await.unwrap();
        assert_eq!(found, expected, "<= {at_most}");
        let found = cache.find(|i| !i.version.lt(below)).count().await.unwrap();
        assert_eq!(found, 300 - expected, "not < {below}");
    }
}

/// Reads by id need not see the row behind an object without lifetime; they see it all the same
/// once it has one, and once it is gone.
#[tokio::test]
async fn an_object_that_had_no_lifetime_gets_one_and_loses_it() {
    let clock = ManualClock::default();
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder.build().unwrap();
    let cache = items(&store).await;
    cache.put_many((0..3).map(item)).await.unwrap();
    let policy = Policy::default();
    assert!(cache.peek_with(&1, &policy).is_some());
    assert!(cache.touch(&1, Duration::from_secs(1)).await.unwrap());
    assert!(cache.peek_with(&1, &policy).is_some());
    clock.advance(Duration::from_secs(1));
    assert!(cache.peek(&1).is_none());
    assert_eq!(cache.count().await.unwrap(), 2);
    cache.put(item(1)).await.unwrap();
    clock.advance(Duration::from_secs(9));
    assert!(cache.peek(&1).is_some());
    cache.clear().await.unwrap();
    assert!((0..3).all(|id| cache.peek(&id).is_none()));
}

/// More objects than `clear` lets go of on the caller's thread.
#[tokio::test]
async fn a_cleared_object_is_read_by_nobody_and_a_new_one_is() {
    let store = EmbeddedStore::builder().build().unwrap();
    let cache = items(&store).await;
    for _ in 0..3 {
        cache.put_many((0..5_000).map(item)).await.unwrap();
        cache.clear().await.unwrap();
        assert!((0..5_000).all(|id| cache.peek(&id).is_none()));
        cache.put(item(7)).await.unwrap();
        assert_eq!(coherent(&cache, [7]).await, BTreeSet::from([7]));
    }
}

#[test]
fn a_lifetime_below_a_millisecond_is_refused() {
    let short = Duration::from_micros(500);
    for builder in [
        EmbeddedStore::builder().ttl(short),
        EmbeddedStore::builder().time_to_idle(short),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("millisecond"), "{error}");
    }
}

/// A time beyond all others is no end: nothing is left behind to wait for it.
#[tokio::test]
async fn a_lifetime_without_end_leaves_nothing_to_expire() {
    let clock = ManualClock::default();
    let store = EmbeddedStore::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    let cache = items(&store).await;
    cache.put(item(1)).await.unwrap();
    assert!(cache.touch(&1, Duration::MAX).await.unwrap());
    cache.put(item(1)).await.unwrap();
    clock.advance(Duration::MAX);
    assert_eq!(cache.count().await.unwrap(), 1);
    assert!(cache.peek(&1).is_some());
}

/// Many words in one segment, so that its dictionary has more than one block; and a row beside
/// it that sorts behind them all.
#[tokio::test]
async fn a_pending_row_that_sorts_behind_every_word_of_a_segment_finds_its_place() {
    #[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
    struct Named {
        #[cache(id)]
        id: u64,
        #[cache(sort)]
        name: String,
    }
    let store = EmbeddedStore::builder().build().unwrap();
    let cache: Cache<Named> = Cache::builder(store.clone()).build().await.unwrap();
    let named = |id, name: String| Named { id, name };
    let many = (0..800).map(|id| named(id, format!("{id:020} is a name of some length")));
    cache.put_many(many).await.unwrap();
    store.flush().unwrap();
    cache
        .put(named(900, "\u{10ffff}".to_owned()))
        .await
        .unwrap();
    for limit in [1, 3] {
        let find = cache.find(|_| Filter::all()).sort(|n| n.name.desc());
        let page = find.limit(limit).fetch().await.unwrap();
        assert_eq!(page.items[0].id, 900);
        let find = cache.find(|_| Filter::all()).sort(|n| n.name.desc());
        let rest = find.after(page.next.unwrap()).limit(1).fetch().await;
        assert_eq!(rest.unwrap().items[0].id, 800 - limit as u64);
        let find = cache.find(|_| Filter::all()).sort(|n| n.name.asc());
        let page = find.offset(799).limit(2).fetch().await.unwrap();
        let ids: Vec<_> = page.items.iter().map(|named| named.id).collect();
        assert_eq!(ids, [799, 900]);
    }
}

/// What a full store lets go of in one model leaves memory, though only another model is
/// written to.
#[tokio::test]
async fn a_model_that_is_only_evicted_from_frees_its_rows() {
    #[derive(Debug, Serialize, Deserialize, CacheModel)]
    struct Heavy {
        #[cache(id)]
        id: u64,
        load: Vec<u8>,
    }
    let builder = EmbeddedStore::builder().max_bytes(16 << 20);
    let store = builder.build().unwrap();
    let idle: Cache<Heavy> = Cache::builder(store.clone()).build().await.unwrap();
    let busy: Cache<Heavy> = Cache::builder(store.clone())
        .name("busy")
        .build()
        .await
        .unwrap();
    let heavy = |id| {
        Arc::new(Heavy {
            id,
            load: vec![1; 1 << 20],
        })
    };
    let mut heavies = Vec::new();
    for id in 0..12 {
        let object = heavy(id);
        heavies.push(Arc::downgrade(&object));
        idle.put(object).await.unwrap();
    }
    for id in 0..40 {
        busy.put(heavy(id)).await.unwrap();
    }
    let _watch = watched("a_model_that_is_only_evicted_from_frees_its_rows");
    // Nobody writes to it: what its rows wait for is called for by the other's writes.
    // An eighth of the bound may stay: two of these.
    let in_memory = || heavies.iter().filter(|object| object.strong_count() > 0);
    while in_memory().count() > 2 {
        assert_eq!(idle.count().await.unwrap(), 0);
        tokio::task::yield_now().await;
    }
}

/// Whoever closes a store that is being closed waits for that; nothing can be put behind it.
#[tokio::test]
async fn a_store_closes_even_if_nobody_waits_for_it() {
    let store: larder::Store = Arc::new(EmbeddedStore::builder().build().unwrap());
    let cache: Cache<Item> = Cache::builder(Arc::clone(&store)).build().await.unwrap();
    cache.put_many((0..1_000).map(item)).await.unwrap();
    drop(store.close());
    drop(
        std::pin::pin!(store.close())
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop())),
    );
    store.close().await.unwrap();
    assert_eq!(
        cache.put(item(1)).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert!(cache.peek(&1).is_none());
}
