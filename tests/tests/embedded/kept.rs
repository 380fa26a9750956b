//! What is kept behind its expiry, known to be absent, tagged or watched, where there is a bound,
//! idleness, or somebody who writes at the same time.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, CacheModel as _, CacheStore, Document, EmbeddedStore, Id as _, Lifetime};
use larder::{Filter, Tags};
use larder_core::expr::Expr;
use larder_core::store::{
    Content, Fate, Found, Model, Probe, Put, PutOutcome, Removal, Selection, Stored, Tombstone,
    Want,
};
use larder_testkit::ManualClock;

use super::{Item, coherent, item, items, stats};

const LONG: Duration = Duration::from_secs(3_600);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A put with a fallback that outlives every test.
fn put(cache: &Cache<Item>, item: Item, lifetime: Lifetime) -> Put {
    let document = Document::of(cache.model().schema(), &item).unwrap();
    let mut put = Put::new(item.id_key(), Content::Object(Arc::new(item), document));
    (put.lifetime, put.stale_for) = (lifetime, Some(LONG));
    put
}

fn absent(id: u64) -> Put {
    let mut put = Put::new(id.to_key(), Content::Absent);
    put.lifetime = Lifetime::Forever;
    put
}

async fn stored(cache: &Cache<Item>, puts: Vec<Put>) {
    let outcomes = cache.store().put_many(cache.model(), puts).await.unwrap();
    assert!(outcomes.into_iter().all(PutOutcome::is_stored));
}

async fn kept(cache: &Cache<Item>, id: u64) -> Option<Found> {
    let keys = [id.to_key()];
    let found = cache.store().get_many(cache.model(), &keys, Want::Kept);
    found.await.unwrap().swap_remove(0)
}

async fn removed(cache: &Cache<Item>, selection: Selection, fate: Fate) -> u64 {
    let store = cache.store();
    store
        .remove_where(cache.model(), &selection, fate)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_stale_or_absent_takes_room_and_goes_like_all_else() {
    let clock = ManualClock::default();
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder.max_objects(100).build().unwrap();
    let cache = items(&store).await;
    let lifetime = Lifetime::For(ms(10));
    stored(
        &cache,
        (0..50).map(|id| put(&cache, item(id), lifetime)).collect(),
    )
    .await;
    stored(&cache, (50..100).map(absent).collect()).await;
    clock.advance(ms(10));
    let before = stats(&cache).await;
    assert_eq!((before.objects, before.stale, before.absent), (0, 50, 50));
    assert!(before.bytes > 0);
    cache.put_many((100..160).map(item)).await.unwrap();
    let between = stats(&cache).await;
    assert_eq!(between.objects + between.stale + between.absent, 100);
    cache.put_many((160..200).map(item)).await.unwrap();
    let after = stats(&cache).await;
    assert_eq!((after.objects, after.stale, after.absent), (100, 0, 0));
    for id in 0..100 {
        assert!(kept(&cache, id).await.is_none(), "{id}");
    }
    assert_eq!(coherent(&cache, 95..105).await.len(), 100);
}

#[tokio::test]
async fn what_was_evicted_is_no_more_under_its_tags() {
    let store = EmbeddedStore::builder().max_objects(10).build().unwrap();
    let cache = items(&store).await;
    for id in 0..100 {
        let mut put = put(&cache, item(id), Lifetime::Forever);
        put.tags = Some(Tags::new(["all", if id % 2 == 0 { "even" } else { "odd" }]));
        stored(&cache, vec![put]).await;
    }
    assert_eq!(stats(&cache).await.objects, 10);
    let even = Selection::Tagged(Tags::new(["even"]));
    assert_eq!(removed(&cache, even, Fate::Remove).await, 5);
    let all = Selection::Tagged(Tags::new(["all", "even"]));
    assert_eq!(removed(&cache, all, Fate::Remove).await, 5);
    assert_eq!(stats(&cache).await.bytes, 0);
}

/// Found by the race suite: what eviction forgets, a late write of an older version took the place
/// of.
#[tokio::test]
async fn an_older_version_does_not_come_back_for_what_was_evicted() {
    let store = EmbeddedStore::builder().max_objects(10).build().unwrap();
    let cache = items(&store).await;
    assert!(cache.put_if_newer(item(0), 7).await.unwrap().is_stored());
    for id in 1..20 {
        cache.put(item(id)).await.unwrap();
    }
    assert_eq!(stats(&cache).await.objects, 10);
    assert_eq!(cache.get(&0).await.unwrap(), None);
    assert!(!cache.put_if_newer(item(0), 6).await.unwrap().is_stored());
    assert!(cache.put_if_newer(item(0), 7).await.unwrap().is_stored());
}

#[tokio::test]
async fn eviction_ends_the_marks_of_what_it_takes() {
    let store = EmbeddedStore::builder().max_objects(10).build().unwrap();
    let cache = items(&store).await;
    let mark = |name: &str| {
        let filter: Filter<Item> = Item::FIELDS.name.eq(name);
        let expr = Expr::bind(filter, cache.model().schema()).unwrap();
        let cache = cache.clone();
        async move { cache.store().mark(cache.model(), &expr).await.unwrap() }
    };
    let (first, last) = (mark("item 0").await, mark("item 19").await);
    cache.put_many((0..10).map(item)).await.unwrap();
    assert_eq!(stats(&cache).await.objects, 10);
    let still = |mark| cache.store().still(cache.model(), mark);
    assert!(still(&first).await.unwrap());
    for id in 10..20 {
        cache.put(item(id)).await.unwrap();
    }
    assert_eq!(stats(&cache).await.objects, 10);
    assert!(!still(&first).await.unwrap());
    assert!(still(&last).await.unwrap());
}

#[tokio::test]
async fn what_nobody_read_for_too_long_leaves_no_fallback() {
    let clock = ManualClock::default();
    let builder = EmbeddedStore::builder().clock(clock.clone());
    let store = builder.time_to_idle(ms(50)).build().unwrap();
    let cache = items(&store).await;
    let lifetimes = [30, 100].map(|life| Lifetime::For(ms(life)));
    let puts = (1..).zip(lifetimes);
    let puts = puts.map(|(id, lifetime)| put(&cache, item(id), lifetime));
    stored(&cache, puts.collect()).await;
    stored(&cache, vec![absent(3)]).await;
    let mark = cache.store().mark(cache.model(), &Expr::All).await.unwrap();
    clock.advance(ms(49));
    assert!(
        kept(&cache, 1).await.is_some(),
        "it expired before it was idle"
    );
    assert!(kept(&cache, 2).await.is_some());
    clock.advance(ms(1_000));
    assert!(kept(&cache, 1).await.is_some());
    assert!(
        kept(&cache, 2).await.is_none(),
        "it was idle before it expired"
    );
    assert!(kept(&cache, 3).await.is_some_and(|found| found.is_absent()));
    assert!(!cache.store().still(cache.model(), &mark).await.unwrap());
}

#[tokio::test]
async fn tombstones_are_bounded_and_those_that_end_first_go() {
    const MORE: u64 = 100_010;
    let store = EmbeddedStore::builder().build().unwrap();
    let cache = items(&store).await;
    let removals: Vec<Removal> = (0..MORE)
        .map(|id| {
            let mut removal = Removal::new(id.to_key());
            let lifetime = LONG + Duration::from_secs(id);
            removal.tombstone = Some(Tombstone {
                revision: 6,
                lifetime,
            });
            removal
        })
        .collect();
    let told = cache.store().remove_many(cache.model(), &removals).await;
    assert_eq!(told.unwrap().len() as u64, MORE);
    let older = |id| {
        let mut put = put(&cache, item(id), Lifetime::Forever);
        (put.condition, put.revision) = (larder::Condition::IfNewer, Some(6));
        put
    };
    let puts = vec![older(0), older(MORE - 1)];
    let outcomes = cache.store().put_many(cache.model(), puts).await.unwrap();
    let outcomes: Vec<bool> = outcomes.into_iter().map(PutOutcome::is_stored).collect();
    assert_eq!(outcomes, [true, false]);
}

/// One writer puts and lets expire in turn, and never removes: whoever may be shown what is stale
/// always finds something, and nothing older than what was announced. `LARDER_OPS` sets how many
/// turns.
#[test]
fn what_is_put_and_expires_in_turn_is_always_kept() {
    let turns: u64 = std::env::var("LARDER_OPS").map_or(5_000, |ops| ops.parse().unwrap());
    let store = EmbeddedStore::builder().flush_at(200).build().unwrap();
    let cache: Cache<Item> = block_on(Cache::builder(store.clone()).build()).unwrap();
    let model: Model = cache.model().clone();
    let announced = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let write = |version: u64| {
        let item = Item { version, ..item(1) };
        block_on(stored(&cache, vec![put(&cache, item, Lifetime::Forever)]));
        announced.store(version, Ordering::SeqCst);
    };
    write(1);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let key = 1_u64.to_key();
                while done.load(Ordering::SeqCst) == 0 {
                    let floor = announced.load(Ordering::SeqCst);
                    let Probe::Hit(found) = store.probe(&model, &key, Want::Kept) else {
                        panic!("nothing is kept");
                    };
                    let Stored::Live(object) = &found.object else {
                        panic!("an object was put");
                    };
                    let any: &dyn Any = &**object;
                    let read = any.downcast_ref::<Item>().unwrap().version;
                    assert!(read >= floor, "{read} < {floor}");
                }
            });
        }
        for version in 2..turns {
            let mut removal = Removal::new(1_u64.to_key());
            removal.fate = Fate::Expire;
            let expired = block_on(store.remove_many(&model, &[removal]));
            assert_eq!(expired.unwrap(), [true]);
            assert!(matches!(
                store.probe(&model, &1_u64.to_key(), Want::Fresh),
                Probe::Miss
            ));
            write(version);
        }
        done.store(1, Ordering::SeqCst);
    });
}

/// While one model's writes push another's objects out of a full store, those are touched: in the
/// end each read by id agrees with each query.
#[test]
fn what_is_touched_while_it_is_evicted_is_there_or_not() {
    let store = EmbeddedStore::builder().max_objects(200).build().unwrap();
    let cache = block_on(items(&store));
    let busy = Cache::<Item>::builder(store.clone()).name("busy");
    let busy = block_on(busy.build()).unwrap();
    let ids: Vec<_> = (0..200_u64).map(|id| id.to_key()).collect();
    for round in 0..40 {
        block_on(cache.put_many((0..200).map(item))).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for id in 0..200 {
                    block_on(busy.put(item(round * 200 + id))).unwrap();
                }
            });
            scope.spawn(|| {
                for time in 0..20 {
                    let lifetime = Lifetime::For(LONG + ms(time));
                    block_on(store.touch_many(cache.model(), &ids, lifetime)).unwrap();
                }
            });
        });
        block_on(async {
            let count = stats(&cache).await.objects;
            let ids: Vec<u64> = (0..200).collect();
            let got = cache.get_many(&ids).await.unwrap();
            assert_eq!(got.iter().flatten().count() as u64, count);
            assert_eq!(cache.all().await.unwrap().len() as u64, count);
        });
    }
}
