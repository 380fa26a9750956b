//! What the embedded store and the reference promise alike: bad input is a clear error and
//! nothing is lost; a write is seen once it returned; lifetimes are exact.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the run reports how much it did")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, CacheModel, EmbeddedStore, ErrorKind, Extent, Filter, KeyCache, PutOptions, Store,
};
use larder_testkit::{ManualClock, ReferenceStore};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
struct Item {
    #[cache(id)]
    id: u64,
    #[cache(index, text)]
    name: String,
    #[cache(index, sort)]
    size: Option<f64>,
    #[cache(index, sort)]
    version: u64,
}

fn item(id: u64) -> Item {
    Item {
        id,
        name: format!("item {id}"),
        size: Some(1.0),
        version: 0,
    }
}

/// The stores that every story is told on, with the clock they share.
fn stores() -> Vec<(Store, ManualClock)> {
    let clock = ManualClock::default();
    let embedded = |flush_at| {
        let builder = EmbeddedStore::builder().clock(clock.clone());
        Store::from(builder.flush_at(flush_at).build().unwrap())
    };
    vec![
        (Arc::new(ReferenceStore::new(clock.clone())), clock.clone()),
        (embedded(1), clock.clone()),
        (embedded(1_000), clock.clone()),
    ]
}

async fn items(store: Store) -> Cache<Item> {
    Cache::builder(store).build().await.unwrap()
}

fn kind<T>(result: Result<T, larder::Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.kind(),
    }
}

#[tokio::test]
async fn values_that_no_index_can_hold_are_refused_and_nothing_is_lost() {
    for (store, _) in stores() {
        let cache = items(store).await;
        cache.put(item(1)).await.unwrap();
        let nan = Item {
            size: Some(f64::NAN),
            ..item(1)
        };
        let error = cache.put(nan.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidModel);
        assert!(error.to_string().contains("`size`"), "{error}");
        let huge = Item {
            name: "x".repeat(1 << 20),
            ..item(1)
        };
        assert_eq!(kind(cache.put(huge).await), ErrorKind::InvalidModel);
        assert_eq!(
            kind(cache.put_many([item(2), nan]).await),
            ErrorKind::InvalidModel
        );
        assert_eq!(cache.all().await.unwrap(), [Arc::new(item(1))]);
    }
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    for (store, _) in stores() {
        let cache = items(store).await;
        cache.put_many([item(1), item(2), item(3)]).await.unwrap();
        let all = || cache.find(|_| Filter::all());
        assert_eq!(kind(all().sort_by_name("nosuch")), ErrorKind::InvalidFilter);
        assert_eq!(kind(all().sort_by_name("name")), ErrorKind::InvalidFilter);
        assert_eq!(
            kind(all().page(0, 10).fetch().await),
            ErrorKind::InvalidFilter
        );
        assert_eq!(
            kind(all().offset(10_001).fetch().await),
            ErrorKind::InvalidFilter
        );
        let text = |text: &'static str| cache.find(move |i| i.name.matches(text)).fetch();
        assert_eq!(kind(text("").await), ErrorKind::InvalidFilter);
        assert_eq!(kind(text(" -- !?").await), ErrorKind::InvalidFilter);
        let nan = cache.find(|i| i.size.lt(f64::NAN)).fetch().await;
        assert_eq!(kind(nan), ErrorKind::InvalidFilter);
        let none: Option<&str> = None;
        let skipped = || cache.find(|i| i.name.eq_if(none) & !i.name.prefix_if(none));
        assert_eq!(kind(skipped().fetch().await), ErrorKind::InvalidFilter);
        assert_eq!(kind(skipped().remove().await), ErrorKind::InvalidFilter);
        let meant = cache.find(|i| i.name.eq_if(none).or_all());
        assert_eq!(meant.count().await.unwrap(), 3);
    }
}

#[tokio::test]
async fn queries_at_the_edge_have_a_defined_answer() {
    for (store, _) in stores() {
        let cache = items(store).await;
        cache.put_many([item(1), item(2), item(3)]).await.unwrap();
        let nothing: [&str; 0] = [];
        assert_eq!(
            cache.find(|i| i.name.in_(nothing)).count().await.unwrap(),
            0
        );
        assert_eq!(
            cache
                .find(|i| i.name.not_in(nothing))
                .count()
                .await
                .unwrap(),
            3
        );
        assert_eq!(cache.find(|i| i.name.prefix("i")).count().await.unwrap(), 3);
        let page = cache
            .find(|_| Filter::all())
            .limit(0)
            .with_total()
            .fetch()
            .await
            .unwrap();
        assert!(page.items.is_empty());
        assert_eq!(page.total.unwrap().count(), 3);
        let past = cache
            .find(|_| Filter::all())
            .offset(99)
            .fetch()
            .await
            .unwrap();
        assert!(past.items.is_empty());
        assert_eq!(past.extent, Extent::Exhausted);
    }
}

#[tokio::test]
async fn ten_thousand_conditions_work_and_deep_nests_are_refused() {
    for (store, _) in stores() {
        let cache = items(store).await;
        cache.put_many([item(1), item(2)]).await.unwrap();
        let wide = cache.find(|i| Filter::any_of((0..10_000).map(|n| i.version.eq(n))));
        assert_eq!(wide.count().await.unwrap(), 2);
        let deep = cache
            .find(|i| (0..10_000).fold(i.version.eq(1), |filter, n| !(filter & i.version.eq(n))));
        assert_eq!(kind(deep.count().await), ErrorKind::InvalidFilter);
    }
}

#[tokio::test]
async fn cursors_walk_all_rows_once_and_are_refused_elsewhere() {
    for (store, _) in stores() {
        let cache = items(store).await;
        cache.put_many((0..25).map(item)).await.unwrap();
        let mut seen = Vec::new();
        let mut cursor: Option<larder::Cursor> = None;
        loop {
            let mut find = cache
                .find(|_| Filter::all())
                .sort(|i| i.size.desc())
                .limit(7);
            if let Some(cursor) = cursor.take() {
                // As a browser would send it back.
                find = find.after(cursor.to_string().parse().unwrap());
            }
            let page = find.ids().await.unwrap();
            seen.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, (0..25).collect::<Vec<_>>());
        let page = cache
            .find(|_| Filter::all())
            .limit(1)
            .fetch()
            .await
            .unwrap();
        let other = cache
            .find(|i| i.version.eq(0))
            .after(page.next.unwrap())
            .fetch()
            .await;
        assert_eq!(kind(other), ErrorKind::InvalidFilter);
        assert!("nonsense".parse::<larder::Cursor>().is_err());
    }
}

#[tokio::test]
async fn expiry_is_exact_in_reads_finds_and_counts() {
    for (store, clock) in stores() {
        let cache = items(store).await;
        let ttl = Duration::from_millis(100);
        let options = || PutOptions::default().with_ttl(ttl);
        cache.put_with(item(1), options()).await.unwrap();
        cache.put_with(item(2), options()).await.unwrap();
        clock.advance(Duration::from_millis(99));
        assert_eq!(cache.count().await.unwrap(), 2);
        assert!(cache.touch(&2, ttl).await.unwrap());
        clock.advance(Duration::from_millis(1));
        assert_eq!(cache.get(&1).await.unwrap(), None);
        assert_eq!(cache.all().await.unwrap(), [Arc::new(item(2))]);
        clock.advance(ttl);
        assert_eq!(cache.count().await.unwrap(), 0);
        assert!(!cache.touch(&2, ttl).await.unwrap());
        cache
            .put_with(item(3), PutOptions::default().with_ttl(Duration::ZERO))
            .await
            .unwrap();
        assert!(!cache.contains(&3).await.unwrap());
    }
}

#[tokio::test]
async fn two_types_under_one_name_are_refused() {
    for (store, _) in stores() {
        let _items = items(Arc::clone(&store)).await;
        let other = KeyCache::<u8>::new(Arc::clone(&store), "item").await;
        assert_eq!(kind(other), ErrorKind::InvalidModel);
        // The same type again is the same cache.
        items(store).await.put(item(1)).await.unwrap();
    }
}

#[derive(Debug, Deserialize, CacheModel)]
struct Bomb {
    #[cache(id)]
    id: u64,
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("no way to write this")
    }
}

#[tokio::test]
async fn a_panicking_serialize_is_an_error() {
    for (store, _) in stores() {
        let cache: Cache<Bomb> = Cache::builder(store).build().await.unwrap();
        let error = cache.put(Bomb { id: 1 }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(
            error.to_string().contains("no way to write this"),
            "{error}"
        );
        assert_eq!(cache.count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_object_larger_than_the_store_is_refused_and_the_old_one_stays() {
    let store = EmbeddedStore::builder().max_bytes(2_000).build().unwrap();
    let cache: Cache<Item> = Cache::builder(store).build().await.unwrap();
    cache.put(item(1)).await.unwrap();
    let large = Item {
        name: "x".repeat(3_000),
        ..item(1)
    };
    assert_eq!(kind(cache.put(large).await), ErrorKind::Overloaded);
    assert_eq!(cache.get(&1).await.unwrap(), Some(Arc::new(item(1))));
}

#[tokio::test]
async fn evicted_rows_are_in_no_answer_and_no_count() {
    let store = EmbeddedStore::builder()
        .max_objects(100)
        .flush_at(50)
        .build()
        .unwrap();
    let cache: Cache<Item> = Cache::builder(store.clone()).build().await.unwrap();
    for id in 0..1_000 {
        cache.put(item(id)).await.unwrap();
        assert!(
            cache.get(&id).await.unwrap().is_some(),
            "the newest goes last"
        );
    }
    let stats = cache.stats().await.unwrap().store;
    assert_eq!((stats.objects, stats.evictions), (100, 900));
    store.flush().unwrap();
    assert_eq!(cache.count().await.unwrap(), 100);
    for object in cache.all().await.unwrap() {
        assert!(cache.peek(&object.id).is_some());
    }
}

#[tokio::test]
async fn rows_that_nobody_reads_are_dropped_from_memory() {
    let clock = ManualClock::default();
    let idle = Duration::from_secs(1);
    let store = EmbeddedStore::builder()
        .clock(clock.clone())
        .time_to_idle(idle)
        .build()
        .unwrap();
    let cache: Cache<Item> = Cache::builder(store.clone()).build().await.unwrap();
    cache.put_many((0..500).map(item)).await.unwrap();
    clock.advance(idle);
    assert_eq!(cache.count().await.unwrap(), 0);
    store.flush().unwrap();
    assert_eq!(cache.stats().await.unwrap().store.expirations, 500);
}

#[tokio::test]
async fn a_closed_store_refuses_all_and_closing_twice_is_fine() {
    for (store, _) in stores() {
        let cache = items(Arc::clone(&store)).await;
        cache.put(item(1)).await.unwrap();
        store.close().await.unwrap();
        store.close().await.unwrap();
        assert_eq!(kind(cache.get(&1).await), ErrorKind::Closed);
        assert_eq!(kind(cache.put(item(2)).await), ErrorKind::Closed);
        assert_eq!(kind(cache.count().await), ErrorKind::Closed);
    }
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
