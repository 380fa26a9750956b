//! Lifetimes: exact to the millisecond, by the injected clock, in every kind of answer.

use std::sync::Arc;
use std::time::Duration;

use larder_core::store::Want;
use larder_core::{
    Cache, Clock as _, Condition, Filter, Id as _, KeyCache, Lifetime, PutOptions, PutOutcome,
    Timestamp,
};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::means;
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "session")]
struct Session {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    user: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "mortal", ttl = "1s")]
struct Mortal {
    #[cache(id)]
    id: u64,
}

fn session(id: u64) -> Session {
    Session {
        id,
        user: format!("user {id}"),
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ttl(millis: u64) -> PutOptions {
    PutOptions::default().with_ttl(ms(millis))
}

fn lifetime(lifetime: Lifetime) -> PutOptions {
    PutOptions::default().with_lifetime(lifetime)
}

async fn sessions(harness: &Harness) -> Cache<Session> {
    harness.cache().await
}

async fn expires_at(cache: &Cache<Session>, id: u64) -> Option<Timestamp> {
    let keys = [id.to_key()];
    let found = cache
        .store()
        .get_many(cache.model(), &keys, Want::Fresh)
        .await
        .unwrap();
    found.into_iter().next().flatten().unwrap().expires_at
}

/// What is put to live no time at all is not there, and the put is no error.
pub async fn a_ttl_of_zero_is_a_miss(harness: Harness) {
    let cache = sessions(&harness).await;
    let outcome = cache.put_with(session(1), ttl(0)).await.unwrap();
    assert!(outcome.is_stored());
    assert_eq!(cache.get(&1).await.unwrap(), None);
    assert!(!cache.contains(&1).await.unwrap());
    assert_eq!(cache.peek(&1), None);
    assert_eq!(cache.stats().await.unwrap().store.objects, 0);
    if harness.expected().query {
        means(&cache, |_| Filter::all(), &[]).await;
    }
}

/// A put that lives no time replaces what was there all the same.
pub async fn put_with_zero_ttl_over_an_object_removes_it(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put(session(1)).await.unwrap();
    cache.put_with(session(1), ttl(0)).await.unwrap();
    assert_eq!(cache.get(&1).await.unwrap(), None);
    assert!(!cache.remove(&1).await.unwrap());
}

/// An object is there one millisecond before its end and gone at it.
pub async fn expiry_is_exact_to_the_millisecond(harness: Harness) {
    let cache = sessions(&harness).await;
    let start = harness.clock().now();
    for (id, life) in [(1, 1), (2, 999), (3, 1_000), (4, 1_001), (5, 86_400_000)] {
        cache.put_with(session(id), ttl(life)).await.unwrap();
        let end = start.saturating_add(ms(life));
        assert_eq!(expires_at(&cache, id).await, Some(end));
    }
    let there = || async {
        let got = cache.get_many(&[1, 2, 3, 4, 5]).await.unwrap();
        let mut singly = Vec::new();
        for id in 1..=5_u64 {
            singly.push(cache.contains(&id).await.unwrap());
            assert_eq!(cache.get(&id).await.unwrap(), got[id as usize - 1]);
        }
        let batch: Vec<_> = got.iter().map(Option::is_some).collect();
        assert_eq!(batch, singly);
        batch.into_iter().filter(|there| *there).count()
    };
    assert_eq!(there().await, 5);
    harness.clock().advance(ms(1));
    assert_eq!(there().await, 4);
    harness.clock().advance(ms(997));
    assert_eq!(there().await, 4);
    harness.clock().advance(ms(1));
    assert_eq!(there().await, 3);
    harness.clock().advance(ms(1));
    assert_eq!(there().await, 2);
    harness.clock().advance(ms(1));
    assert_eq!(there().await, 1);
    harness.clock().advance(ms(86_400_000 - 1_002));
    assert_eq!(there().await, 1);
    harness.clock().advance(ms(1));
    assert_eq!(there().await, 0);
}

/// Gets, peeks, finds, counts, totals, ids, streams' pages and stats change at one moment.
pub async fn every_kind_of_read_agrees_on_expiry(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put_with(session(1), ttl(10)).await.unwrap();
    cache.put_with(session(2), ttl(20)).await.unwrap();
    cache.put(session(3)).await.unwrap();
    for (passed, expected) in [
        (0, &[1, 2, 3][..]),
        (9, &[1, 2, 3]),
        (1, &[2, 3]),
        (10, &[3]),
    ] {
        harness.clock().advance(ms(passed));
        means(&cache, |_| Filter::all(), expected).await;
        means(&cache, |s| s.user.is_some(), expected).await;
        means(&cache, |s| s.user.starts_with("user"), expected).await;
        means(
            &cache,
            |s| s.user.eq("user 1"),
            &[1][..usize::from(expected.len() == 3)],
        )
        .await;
        let page = cache
            .find(|_| Filter::all())
            .limit(1)
            .with_total()
            .fetch()
            .await
            .unwrap();
        assert_eq!(page.total.unwrap().count(), expected.len() as u64);
        assert_eq!(page.items[0].id, expected[0]);
        let there = cache.stats().await.unwrap().store.objects;
        assert_eq!(there, expected.len() as u64);
        for id in 1..=3_u64 {
            let is_there = expected.contains(&id);
            assert_eq!(cache.get(&id).await.unwrap().is_some(), is_there);
            assert_eq!(cache.contains(&id).await.unwrap(), is_there);
            let peeked = cache.peek(&id).is_some();
            assert!(peeked == is_there || (!peeked && !harness.expected().authoritative_probe));
        }
    }
}

/// Facets and aggregates leave out what has expired.
pub async fn aggregates_leave_the_expired_out(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put_with(session(1), ttl(10)).await.unwrap();
    cache.put(session(2)).await.unwrap();
    let values = || async {
        let facets = cache
            .find(|_| Filter::all())
            .facets(|s| s.user, 9)
            .await
            .unwrap();
        facets.values.len()
    };
    assert_eq!(values().await, 2);
    harness.clock().advance(ms(9));
    assert_eq!(values().await, 2);
    harness.clock().advance(ms(1));
    assert_eq!(values().await, 1);
}

/// Neither `touch` nor `update` nor `remove` brings back or finds what has expired.
pub async fn what_has_expired_can_be_neither_touched_nor_updated(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put_with(session(1), ttl(10)).await.unwrap();
    harness.clock().advance(ms(10));
    assert!(!cache.touch(&1, ms(10)).await.unwrap());
    let updated = cache.update(&1, |_| panic!("there is nothing to change"));
    assert_eq!(updated.await.unwrap(), None);
    assert!(!cache.remove(&1).await.unwrap());
    assert_eq!(cache.get(&1).await.unwrap(), None);
}

/// To a condition of a put, what has expired is not there.
pub async fn what_has_expired_counts_as_absent(harness: Harness) {
    let cache = sessions(&harness).await;
    let outcome = cache.put_with(session(1), ttl(10)).await.unwrap();
    let PutOutcome::Stored(version) = outcome else {
        panic!("it was stored");
    };
    harness.clock().advance(ms(10));
    for condition in [Condition::IfPresent, Condition::IfVersion(version)] {
        let options = PutOptions::default().with_condition(condition);
        let outcome = cache.put_with(session(1), options).await.unwrap();
        assert_eq!(outcome, PutOutcome::Refused(None));
    }
    let options = PutOptions::default().with_condition(Condition::IfAbsent);
    assert!(
        cache
            .put_with(session(1), options)
            .await
            .unwrap()
            .is_stored()
    );
    assert!(cache.contains(&1).await.unwrap());
}

/// `find(..).remove` and `find(..).update` neither touch nor count what has expired.
pub async fn what_has_expired_is_neither_removed_nor_changed_by_find(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put_with(session(1), ttl(10)).await.unwrap();
    cache.put(session(2)).await.unwrap();
    harness.clock().advance(ms(10));
    let all = || cache.find(|_| Filter::all());
    let renamed = all().update(|session| session.user = "new".to_owned());
    assert_eq!(renamed.await.unwrap(), 1);
    assert_eq!(all().remove().await.unwrap(), 1);
}

/// `touch` counts the new lifetime from now, longer or shorter than the old one.
pub async fn touch_gives_a_new_lifetime_from_now(harness: Harness) {
    let cache = sessions(&harness).await;
    for id in [1, 2] {
        cache.put_with(session(id), ttl(100)).await.unwrap();
    }
    cache.put(session(3)).await.unwrap();
    harness.clock().advance(ms(99));
    assert!(cache.touch(&1, ms(100)).await.unwrap());
    assert!(cache.touch(&3, ms(50)).await.unwrap());
    harness.clock().advance(ms(1));
    means(&cache, |_| Filter::all(), &[1, 3]).await;
    harness.clock().advance(ms(49));
    means(&cache, |_| Filter::all(), &[1]).await;
    harness.clock().advance(ms(49));
    assert!(cache.contains(&1).await.unwrap());
    harness.clock().advance(ms(1));
    means(&cache, |_| Filter::all(), &[]).await;
    assert!(!cache.contains(&1).await.unwrap());
}

/// A touch with no time at all ends the object, and says that it was there.
pub async fn touch_with_zero_ends_the_object_at_once(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put(session(1)).await.unwrap();
    assert!(cache.touch(&1, Duration::ZERO).await.unwrap());
    assert_eq!(cache.get(&1).await.unwrap(), None);
    assert!(!cache.touch(&1, ms(1)).await.unwrap());
    cache.put(session(2)).await.unwrap();
    let twice = [2_u64, 2].map(|id| id.to_key());
    let touched = cache
        .store()
        .touch_many(cache.model(), &twice, Lifetime::For(Duration::ZERO))
        .await;
    assert_eq!(touched.unwrap(), [true, false]);
}

/// A store's touch of many answers for each, in order; `Forever` takes the end away.
pub async fn touch_answers_for_each_in_order(harness: Harness) {
    let cache = sessions(&harness).await;
    for id in [1, 2] {
        cache.put_with(session(id), ttl(100)).await.unwrap();
    }
    let keys = [2_u64, 9, 1].map(|id| id.to_key());
    let (store, model) = (cache.store(), cache.model());
    let touched = store.touch_many(model, &keys, Lifetime::Forever).await;
    assert_eq!(touched.unwrap(), [true, false, true]);
    harness.clock().advance(ms(1_000_000));
    assert_eq!(expires_at(&cache, 1).await, None);
    let before = store
        .touch_many(model, &keys[..1], Lifetime::For(ms(5)))
        .await;
    assert_eq!(before.unwrap(), [true]);
    let end = expires_at(&cache, 2).await;
    let kept = store.touch_many(model, &keys[..1], Lifetime::Keep).await;
    assert_eq!(kept.unwrap(), [true]);
    assert_eq!(expires_at(&cache, 2).await, end);
}

/// A put over an object counts its lifetime from now; without one the object has no end.
pub async fn a_put_starts_a_new_lifetime(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put_with(session(1), ttl(100)).await.unwrap();
    cache.put_with(session(2), ttl(100)).await.unwrap();
    harness.clock().advance(ms(60));
    cache.put_with(session(1), ttl(100)).await.unwrap();
    cache.put(session(2)).await.unwrap();
    harness.clock().advance(ms(60));
    assert!(cache.contains(&1).await.unwrap());
    assert_eq!(expires_at(&cache, 2).await, None);
    harness.clock().advance(ms(40));
    assert!(!cache.contains(&1).await.unwrap());
    assert!(cache.contains(&2).await.unwrap());
}

/// `Lifetime::Keep` ends the object when the one before would have ended.
pub async fn keep_leaves_the_moment_of_expiry(harness: Harness) {
    let cache = sessions(&harness).await;
    cache.put_with(session(1), ttl(100)).await.unwrap();
    cache.put(session(2)).await.unwrap();
    harness.clock().advance(ms(60));
    for id in [1, 2] {
        cache
            .put_with(session(id), lifetime(Lifetime::Keep))
            .await
            .unwrap();
    }
    assert_eq!(expires_at(&cache, 2).await, None);
    harness.clock().advance(ms(39));
    assert!(cache.contains(&1).await.unwrap());
    harness.clock().advance(ms(1));
    assert!(!cache.contains(&1).await.unwrap());
}

/// `Lifetime::Keep` where nothing is there to keep the end of is a plain put.
pub async fn keep_over_nothing_lives_as_nothing_was_said(harness: Harness) {
    let cache = sessions(&harness).await;
    cache
        .put_with(session(1), lifetime(Lifetime::Keep))
        .await
        .unwrap();
    assert_eq!(expires_at(&cache, 1).await, None);
    cache.put_with(session(2), ttl(10)).await.unwrap();
    harness.clock().advance(ms(10));
    cache
        .put_with(session(2), lifetime(Lifetime::Keep))
        .await
        .unwrap();
    assert_eq!(expires_at(&cache, 2).await, None);
}

/// The lifetime that counts is the put's, else the cache's, else the model's.
pub async fn a_cache_ttl_goes_before_the_models_and_a_puts_before_both(harness: Harness) {
    let builder = || Cache::<Mortal>::builder(Arc::clone(harness.store()));
    let of_model = builder().build().await.unwrap();
    let of_cache = builder().ttl(ms(5_000)).build().await.unwrap();
    of_model.put(Mortal { id: 1 }).await.unwrap();
    of_cache.put(Mortal { id: 2 }).await.unwrap();
    of_cache
        .put_with(Mortal { id: 3 }, ttl(10_000))
        .await
        .unwrap();
    of_cache.put_with(Mortal { id: 4 }, ttl(10)).await.unwrap();
    of_cache
        .put_with(Mortal { id: 5 }, lifetime(Lifetime::Forever))
        .await
        .unwrap();
    let there = || async {
        let got = of_model.get_many(&[1, 2, 3, 4, 5]).await.unwrap();
        got.into_iter()
            .flatten()
            .map(|found| found.id)
            .collect::<Vec<_>>()
    };
    harness.clock().advance(ms(10));
    assert_eq!(there().await, [1, 2, 3, 5]);
    harness.clock().advance(ms(989));
    assert_eq!(there().await, [1, 2, 3, 5]);
    harness.clock().advance(ms(1));
    assert_eq!(there().await, [2, 3, 5]);
    harness.clock().advance(ms(4_000));
    assert_eq!(there().await, [3, 5]);
    harness.clock().advance(ms(5_000));
    assert_eq!(there().await, [5]);
}

/// A cache built without expiry keeps objects for ever, whatever the model says.
pub async fn no_expiry_goes_before_the_models_ttl(harness: Harness) {
    let builder = Cache::<Mortal>::builder(Arc::clone(harness.store()));
    let cache = builder.no_expiry().build().await.unwrap();
    cache.put(Mortal { id: 1 }).await.unwrap();
    harness.clock().advance(Duration::from_secs(1_000_000));
    assert!(cache.contains(&1).await.unwrap());
}

/// A lifetime beyond all clocks is for ever; it does not wrap around into the past.
pub async fn endless_lifetimes_do_not_wrap_around(harness: Harness) {
    let cache = sessions(&harness).await;
    let lives = [
        Duration::MAX,
        Duration::from_millis(u64::MAX),
        Duration::from_millis(i64::MAX as u64),
        Duration::from_secs(u64::MAX),
    ];
    for (id, life) in lives.into_iter().enumerate() {
        let options = PutOptions::default().with_ttl(life);
        cache.put_with(session(id as u64), options).await.unwrap();
    }
    cache.put(session(4)).await.unwrap();
    assert!(cache.touch(&4, Duration::MAX).await.unwrap());
    harness
        .clock()
        .advance(Duration::from_secs(1_000 * 365 * 86_400));
    for id in 0..5_u64 {
        assert!(cache.contains(&id).await.unwrap(), "{id}");
    }
}

/// An object put again after it expired is found under its new values alone.
pub async fn an_object_expired_and_put_again_is_there(harness: Harness) {
    let cache = sessions(&harness).await;
    for round in 0..3_u64 {
        let user = format!("round {round}");
        let before = format!("round {}", round.wrapping_sub(1));
        cache
            .put_with(
                Session {
                    id: 1,
                    user: user.clone(),
                },
                ttl(10),
            )
            .await
            .unwrap();
        means(&cache, |s| s.user.eq(&user), &[1]).await;
        means(&cache, |s| s.user.eq(&before), &[]).await;
        harness.clock().advance(ms(10));
        means(&cache, |s| s.user.eq(&user), &[]).await;
    }
}

/// Hundreds of lifetimes end each when it should, however many writes there are between.
pub async fn many_lifetimes_end_each_at_its_own_time(harness: Harness) {
    let cache = sessions(&harness).await;
    for id in 0..300 {
        // Not in the order in which they end.
        cache
            .put_with(session(id * 7 % 300), ttl(id * 7 % 300 + 1))
            .await
            .unwrap();
    }
    for passed in 1..=300_u64 {
        harness.clock().advance(ms(1));
        assert_eq!(cache.count().await.unwrap(), 300 - passed);
        if passed % 50 == 0 {
            cache.put_with(session(1_000), ttl(1)).await.unwrap();
            let expected: Vec<u64> = (passed..300).chain([1_000]).collect();
            means(&cache, |_| Filter::all(), &expected).await;
        }
    }
    harness.clock().advance(ms(1));
    assert_eq!(cache.stats().await.unwrap().store.objects, 0);
}

/// A `KeyCache` value lives as long as `set` said, and `touch` gives it a new life.
pub async fn values_under_keys_expire_as_objects_do(harness: Harness) {
    let store = Arc::clone(harness.store());
    let cache = KeyCache::<u8>::new(store, "bytes").await.unwrap();
    cache.set("a", 1, ms(10)).await.unwrap();
    cache.set("b", 2, ms(10)).await.unwrap();
    cache.set("c", 3, Duration::ZERO).await.unwrap();
    assert_eq!(cache.get("c").await.unwrap(), None);
    harness.clock().advance(ms(9));
    assert!(cache.touch("b", ms(10)).await.unwrap());
    harness.clock().advance(ms(1));
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.get("b").await.unwrap(), Some(Arc::new(2)));
}
