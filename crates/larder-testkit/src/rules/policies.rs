//! Policies: each rule of `docs/POLICIES.md`, by the injected clock.

use std::sync::Arc;
use std::time::Duration;

use larder_core::store::{CacheStore as _, Content, Probe, Put, Want};
use larder_core::{
    Cache, Clock as _, Document, ErrorKind, Id as _, Lifetime, Policy, PolicyBuilder, PutOptions,
    Result,
};

use super::asking::refusal;
use super::source::{Card, Source, at, builder, card};
use crate::conformance::Harness;

const TTL: Duration = Duration::from_secs(100);
const WINDOW: Duration = Duration::from_secs(50);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Policies without jitter, and entries of 100 s.
fn policy() -> PolicyBuilder {
    Policy::builder().jitter(0.0).ttl(TTL)
}

async fn cache(harness: &Harness, policy: PolicyBuilder) -> Cache<Card> {
    let policy = policy.build().unwrap();
    builder(harness).policy(policy).build().await.unwrap()
}

async fn loaded(cache: &Cache<Card>, source: &Source) -> Option<Card> {
    let loaded = cache.get_or_load(&1, source.one()).await.unwrap();
    loaded.map(Arc::unwrap_or_clone)
}

async fn get(cache: &Cache<Card>) -> Option<Card> {
    cache.get(&1).await.unwrap().map(Arc::unwrap_or_clone)
}

/// Waits until a load in the background has stored this version.
async fn refreshed(cache: &Cache<Card>, version: u64) {
    while get(cache).await != Some(at(1, version)) {
        tokio::task::yield_now().await;
    }
}

/// What a caller gets whose load does not end, once a second has passed.
async fn late(
    harness: &Harness,
    cache: &Cache<Card>,
    source: &Source,
    ids: &'static [u64],
) -> Result<Vec<Option<Arc<Card>>>> {
    source.hold();
    source.forget_begun();
    let (waiting, load) = (cache.clone(), source.some());
    let waiting = tokio::spawn(async move { waiting.get_or_load_many(ids, load).await });
    source.begun().await;
    while harness.clock().sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    harness.clock().advance(secs(1));
    waiting.await.unwrap()
}

/// What is loaded ends with the policy's lifetime, to the millisecond, and is then loaded anew.
pub async fn what_is_loaded_ends_with_its_lifetime(harness: Harness) {
    let cache = cache(&harness, policy()).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(TTL - Duration::from_millis(1));
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    assert_eq!(source.loads(), 1);
    harness.clock().advance(Duration::from_millis(1));
    source.set(at(1, 2));
    assert_eq!(get(&cache).await, None);
    assert_eq!(loaded(&cache, &source).await, Some(at(1, 2)));
    assert_eq!(source.loads(), 2);
}

/// A call's own policy goes before the cache's.
pub async fn a_call_has_a_policy_of_its_own(harness: Harness) {
    let cache = cache(&harness, policy()).await;
    let source = Source::of([1]);
    let short = Policy::builder().jitter(0.0).ttl(secs(1)).build().unwrap();
    let load = source.one_saying(|_| {});
    cache.get_or_load_with(&1, &short, load).await.unwrap();
    harness.clock().advance(secs(1));
    assert_eq!(get(&cache).await, None);
}

/// Jitter cuts lifetimes, by no more than its part, and never lengthens one.
pub async fn jitter_cuts_lifetimes_and_lengthens_none(harness: Harness) {
    let jittered = Policy::builder().jitter(0.5).ttl(TTL);
    let cache = cache(&harness, jittered).await;
    let source = Source::of(0..40);
    let ids: Vec<u64> = (0..40).collect();
    for id in &ids {
        cache.get_or_load(id, source.one()).await.unwrap();
    }
    let keys: Vec<_> = ids.iter().map(|id| id.to_key()).collect();
    let found = cache.store().get_many(cache.model(), &keys, Want::Fresh);
    let now = harness.clock().now();
    let left: Vec<Duration> = found
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.unwrap().expires_at.unwrap().saturating_since(now))
        .collect();
    assert!(
        left.iter().all(|left| (TTL / 2..=TTL).contains(left)),
        "{left:?}"
    );
    assert!(left.iter().any(|other| *other != left[0]), "{left:?}");
    // What is written lives as long as it is told to.
    cache
        .put_with(card(1), PutOptions::default().with_ttl(secs(7)))
        .await
        .unwrap();
    harness.clock().advance(secs(7) - Duration::from_millis(1));
    assert!(get(&cache).await.is_some());
}

/// That nothing was found is remembered for its own time, and for no longer than the lifetime.
pub async fn absence_ends_with_its_own_lifetime(harness: Harness) {
    let source = Source::of([]);
    let cache = cache(&harness, policy().absent_ttl(secs(5))).await;
    assert_eq!(loaded(&cache, &source).await, None);
    harness.clock().advance(secs(5) - Duration::from_millis(1));
    assert_eq!(loaded(&cache, &source).await, None);
    assert_eq!(source.loads(), 1);
    harness.clock().advance(Duration::from_millis(1));
    source.set(card(1));
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
}

/// Without negative caching every call asks the source; and an object that is gone from it is
/// gone from the cache.
pub async fn absence_is_not_remembered_where_it_is_not_wanted(harness: Harness) {
    let source = Source::of([]);
    let cache = cache(&harness, policy().absent_ttl(Duration::ZERO)).await;
    assert_eq!(loaded(&cache, &source).await, None);
    assert_eq!(loaded(&cache, &source).await, None);
    assert_eq!(source.loads(), 2);
    cache.put(card(1)).await.unwrap();
    assert_eq!(
        cache.reload(&1, source.one_saying(|_| {})).await.unwrap(),
        None
    );
    assert_eq!(get(&cache).await, None);
}

/// Within the window behind its expiry what is stale is served to loads at once, and loaded anew
/// in the background; behind the window it is waited for. No other read sees it.
pub async fn stale_is_served_while_it_is_revalidated(harness: Harness) {
    let cache = cache(&harness, policy().stale_while_revalidate(WINDOW)).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness
        .clock()
        .advance(TTL + WINDOW - Duration::from_millis(1));
    source.set(at(1, 2));
    assert_eq!(get(&cache).await, None);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    refreshed(&cache, 2).await;
    assert_eq!(source.loads(), 2);
    assert_eq!(cache.stats().await.unwrap().loads.stale.revalidated, 1);
    harness.clock().advance(TTL + WINDOW);
    source.set(at(1, 3));
    assert_eq!(loaded(&cache, &source).await, Some(at(1, 3)));
    assert_eq!(cache.stats().await.unwrap().loads.stale.revalidated, 1);
}

/// However many read what is stale, it is loaded anew once.
pub async fn revalidation_is_one_load(harness: Harness) {
    let cache = cache(&harness, policy().stale_while_revalidate(WINDOW)).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(TTL);
    source.set(at(1, 2));
    source.hold();
    for _ in 0..20 {
        assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    }
    source.release();
    refreshed(&cache, 2).await;
    assert_eq!(source.loads(), 2);
}

/// A write that overtakes a revalidation stays.
pub async fn a_write_overtakes_a_revalidation(harness: Harness) {
    let cache = cache(&harness, policy().stale_while_revalidate(WINDOW)).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(TTL);
    source.hold();
    source.forget_begun();
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    source.begun().await;
    cache.put(at(1, 9)).await.unwrap();
    source.release();
    while cache.stats().await.unwrap().loads.in_flight > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&cache).await, Some(at(1, 9)));
}

/// Within its window what is stale is served if the load fails; behind it the error is.
pub async fn stale_is_served_on_an_error(harness: Harness) {
    let cache = cache(&harness, policy().stale_if_error(WINDOW)).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(TTL);
    source.fail(true);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    assert_eq!(get(&cache).await, None);
    assert_eq!(source.loads(), 2);
    assert_eq!(cache.stats().await.unwrap().loads.stale.failed, 1);
    harness.clock().advance(WINDOW);
    let error = cache.get_or_load(&1, source.one()).await;
    refusal(error, ErrorKind::Loader, "the loader failed");
    source.fail(false);
    source.set(at(1, 2));
    assert_eq!(loaded(&cache, &source).await, Some(at(1, 2)));
}

/// After a failed load what is stale is served without another try, until the pause is over.
pub async fn a_failed_load_is_not_tried_again_at_once(harness: Harness) {
    let policy = policy().stale_if_error(secs(500)).retry_after(secs(30));
    let cache = cache(&harness, policy).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(TTL);
    source.fail(true);
    for _ in 0..5 {
        assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    }
    assert_eq!(source.loads(), 2);
    harness.clock().advance(secs(30));
    source.fail(false);
    source.set(at(1, 2));
    assert_eq!(loaded(&cache, &source).await, Some(at(1, 2)));
    assert_eq!(source.loads(), 3);
    let stale = cache.stats().await.unwrap().loads.stale;
    assert_eq!((stale.failed, stale.throttled), (1, 4));
}

/// After a failed refresh in the background the next is put off as well.
pub async fn a_failed_refresh_is_not_tried_again_at_once(harness: Harness) {
    let policy = policy().refresh_at(0.5).stale_while_revalidate(WINDOW);
    let cache = cache(&harness, policy).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(secs(60));
    source.fail(true);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    while cache.stats().await.unwrap().loads.failed == 0
        || cache.stats().await.unwrap().loads.in_flight > 0
    {
        tokio::task::yield_now().await;
    }
    for passed in [0, 29] {
        harness.clock().advance(secs(passed));
        assert_eq!(loaded(&cache, &source).await, Some(card(1)));
        assert_eq!(source.loads(), 2);
    }
    harness.clock().advance(secs(1));
    source.fail(false);
    source.set(at(1, 2));
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    refreshed(&cache, 2).await;
}

/// What was removed is not fallen back on; what was let expire is.
pub async fn expire_keeps_a_fallback_and_remove_does_not(harness: Harness) {
    let cache = cache(&harness, policy().stale_if_error(WINDOW)).await;
    let source = Source::of([1]);
    for (way, kept) in [
        ("expire", true),
        ("expire tag", true),
        ("expire all", true),
        ("remove", false),
        ("remove tag", false),
        ("clear", false),
    ] {
        source.fail(false);
        cache.clear().await.unwrap();
        let policy = cache_policy();
        let load = source.one_saying(|fill| fill.add_tags(["t"]));
        cache.get_or_load_with(&1, &policy, load).await.unwrap();
        match way {
            "expire" => assert!(cache.expire(&1).await.unwrap()),
            "expire tag" => assert!(cache.expire_tagged(["t"]).await.unwrap() <= 1),
            "expire all" => drop(cache.expire_all().await.unwrap()),
            "remove" => assert!(cache.remove(&1).await.unwrap()),
            "remove tag" => assert!(cache.remove_tagged(["t"]).await.unwrap() <= 1),
            _ => cache.clear().await.unwrap(),
        }
        assert_eq!(get(&cache).await, None, "{way}");
        source.fail(true);
        let answer = cache.get_or_load(&1, source.one()).await;
        assert_eq!(answer.is_ok(), kept, "{way}: {answer:?}");
        // The pause after a failure is not what is looked at here.
        harness.clock().advance(secs(30));
    }
}

fn cache_policy() -> Policy {
    policy().stale_if_error(WINDOW).build().unwrap()
}

/// What is written has the fallback that the cache's policy gives.
pub async fn what_is_written_is_fallen_back_on(harness: Harness) {
    let cache = cache(&harness, policy().stale_if_error(WINDOW)).await;
    let source = Source::of([]);
    source.fail(true);
    cache
        .put_with(at(1, 5), PutOptions::default().with_ttl(secs(1)))
        .await
        .unwrap();
    harness.clock().advance(secs(1));
    assert_eq!(loaded(&cache, &source).await, Some(at(1, 5)));
    let options = PutOptions::default()
        .with_ttl(secs(1))
        .with_stale_for(Duration::ZERO);
    cache.put_with(at(1, 6), options).await.unwrap();
    harness.clock().advance(secs(31));
    assert!(cache.get_or_load(&1, source.one()).await.is_err());
}

/// From its part of the lifetime on a read has what is fresh loaded anew in the background.
pub async fn eager_refresh_begins_at_its_part(harness: Harness) {
    let cache = cache(&harness, policy().refresh_at(0.8)).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    source.set(at(1, 2));
    harness.clock().advance(secs(80) - Duration::from_millis(1));
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    assert_eq!(source.loads(), 1);
    harness.clock().advance(Duration::from_millis(1));
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    refreshed(&cache, 2).await;
    // For a whole lifetime from then.
    harness.clock().advance(secs(79));
    assert_eq!(loaded(&cache, &source).await, Some(at(1, 2)));
    assert_eq!(source.loads(), 2);
}

/// What a peek by a policy has is what a load by it would answer at once; where that would load, in
/// the background say, or wait, there is nothing to peek at.
pub async fn a_peek_by_a_policy_has_what_needs_no_load(harness: Harness) {
    let options = policy().refresh_at(0.8).stale_while_revalidate(WINDOW);
    let policy = options.clone().build().unwrap();
    let cache = cache(&harness, options).await;
    let source = Source::of([1]);
    assert_eq!(cache.peek_with(&1, &policy), None);
    assert_eq!(cache.stats().await.unwrap().misses, 0);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    // Stores whose answers have to be waited for, or decoded, never have anything.
    let there = cache
        .store()
        .probe(cache.model(), &1_u64.to_key(), Want::Times);
    let is_at_hand = matches!(there, Probe::Timed(..));
    let expected = is_at_hand.then(|| card(1));
    let peek = || cache.peek_with(&1, &policy).map(Arc::unwrap_or_clone);
    let hits = cache.stats().await.unwrap().hits;
    assert_eq!(peek(), expected);
    let hits = cache.stats().await.unwrap().hits - hits;
    assert_eq!(hits, u64::from(is_at_hand));
    harness.clock().advance(secs(80) - Duration::from_millis(1));
    assert_eq!(peek(), expected);
    harness.clock().advance(Duration::from_millis(1));
    assert_eq!(peek(), None, "due");
    harness.clock().advance(secs(20));
    assert_eq!(peek(), None, "stale");
    assert_eq!(source.loads(), 1, "none of these loads");
    cache.put(card(1)).await.unwrap();
    assert_eq!(peek(), expected);
    cache.remove(&1).await.unwrap();
    assert_eq!(peek(), None, "removed");
    // What is known to be absent is known to loads alone.
    source.delete(1);
    assert_eq!(loaded(&cache, &source).await, None);
    assert_eq!(peek(), None, "absent");
}

/// By chance a refresh is the likelier the dearer the load was: as good as certain where it took
/// far longer than is left, and as good as impossible where it took no time.
pub async fn refresh_by_chance_weighs_what_a_load_costs(harness: Harness) {
    let cache = cache(&harness, policy().refresh_by_chance(1.0)).await;
    let source = Source::of([1]);
    source.set(at(1, 2));
    let dear = |cost| {
        let object = Arc::new(card(1));
        let document = Document::of(cache.schema(), &*object).unwrap();
        let mut put = Put::new(1_u64.to_key(), Content::Object(object, document));
        put.lifetime = Lifetime::For(TTL);
        put.cost = cost;
        let cache = cache.clone();
        async move {
            let put = cache.store().put_many(cache.model(), vec![put]).await;
            assert!(put.unwrap()[0].is_stored());
        }
    };
    dear(Duration::ZERO).await;
    for _ in 0..50 {
        assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    }
    assert_eq!(source.loads(), 0);
    dear(secs(10_000)).await;
    // One in a hundred reads lets it be.
    while get(&cache).await != Some(at(1, 2)) {
        loaded(&cache, &source).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(source.loads(), 1);
}

/// A caller waits for a load no longer than the soft timeout where there is something stale; the
/// load goes on.
pub async fn a_soft_timeout_serves_stale_and_the_load_goes_on(harness: Harness) {
    let policy = policy().stale_if_error(WINDOW).soft_timeout(secs(1));
    let cache = cache(&harness, policy).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    harness.clock().advance(TTL);
    source.set(at(1, 2));
    let answer = late(&harness, &cache, &source, &[1]).await.unwrap();
    assert_eq!(answer, [Some(Arc::new(card(1)))]);
    assert_eq!(cache.stats().await.unwrap().loads.stale.timed_out, 1);
    source.release();
    refreshed(&cache, 2).await;
    assert_eq!(source.loads(), 2);
}

/// A timeout is a call's, however many ids it waits for.
pub async fn a_timeout_is_of_the_whole_call(harness: Harness) {
    let policy = policy().stale_if_error(WINDOW).soft_timeout(secs(1));
    let cache = cache(&harness, policy).await;
    let source = Source::of([1, 2, 3]);
    for id in [1, 2, 3] {
        cache.get_or_load(&id, source.one()).await.unwrap();
    }
    harness.clock().advance(TTL);
    let answer = late(&harness, &cache, &source, &[1, 2, 3]).await.unwrap();
    assert_eq!(answer, [1, 2, 3].map(|id| Some(Arc::new(card(id)))));
    source.release();
}

/// A caller waits for a load no longer than the hard timeout; the load goes on.
pub async fn a_hard_timeout_ends_the_wait_and_not_the_load(harness: Harness) {
    let cache = cache(&harness, policy().hard_timeout(secs(1))).await;
    let source = Source::of([1]);
    let answer = late(&harness, &cache, &source, &[1]).await;
    refusal(answer, ErrorKind::Timeout, "it goes on");
    assert_eq!(cache.stats().await.unwrap().loads.timeouts, 1);
    source.release();
    refreshed(&cache, 1).await;
    assert_eq!(source.loads(), 1);
}

/// A load that does not end within its deadline is given up, and the next caller loads.
pub async fn a_load_is_given_up_at_its_deadline(harness: Harness) {
    let cache = cache(&harness, policy().load_deadline(secs(1))).await;
    let source = Source::of([1]);
    let answer = late(&harness, &cache, &source, &[1]).await;
    refusal(answer, ErrorKind::Timeout, "given up");
    source.release();
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    assert_eq!(source.loads(), 2);
}

/// What nobody reads by id ends before its lifetime does; what is read ends with its lifetime
/// all the same.
pub async fn idleness_ends_what_nobody_reads(harness: Harness) {
    let cache = cache(&harness, policy().time_to_idle(secs(16))).await;
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    for _ in 0..6 {
        harness.clock().advance(secs(15));
        assert_eq!(get(&cache).await, Some(card(1)));
    }
    // 90 s have passed.
    harness.clock().advance(secs(9));
    assert_eq!(loaded(&cache, &source).await, Some(card(1)));
    assert_eq!(source.loads(), 1);
    harness.clock().advance(secs(1));
    assert_eq!(get(&cache).await, None);
    cache.put(at(1, 3)).await.unwrap();
    harness.clock().advance(secs(16));
    assert_eq!(get(&cache).await, None);
}

/// Policies that contradict themselves, or the cache, are refused where they are built, by name.
pub async fn policies_that_make_no_sense_are_refused(harness: Harness) {
    let new = Policy::builder;
    let zero = Duration::ZERO;
    for (policy, name) in [
        (new().ttl(zero), "ttl"),
        (new().jitter(0.6), "jitter"),
        (new().jitter(f64::NAN), "jitter"),
        (new().refresh_at(1.0), "refresh_at"),
        (new().refresh_at(0.0), "refresh_at"),
        (new().refresh_by_chance(0.0), "refresh_by_chance"),
        (new().refresh_by_chance(f64::INFINITY), "refresh_by_chance"),
        (
            new().stale_if_error(secs(1)).retry_after(zero),
            "retry_after",
        ),
        (
            new()
                .stale_if_error(secs(1))
                .stale_while_revalidate(secs(2)),
            "stale_while_revalidate",
        ),
        (new().soft_timeout(secs(1)), "soft_timeout"),
        (
            new()
                .stale_if_error(secs(1))
                .soft_timeout(secs(2))
                .hard_timeout(secs(2)),
            "hard_timeout",
        ),
        (
            new().hard_timeout(secs(2)).load_deadline(secs(1)),
            "load_deadline",
        ),
        (new().hard_timeout(zero), "hard_timeout"),
        (new().lease(zero), "lease"),
        (new().ttl(secs(1)).time_to_idle(secs(1)), "time_to_idle"),
    ] {
        refusal(policy.clone().build(), ErrorKind::InvalidConfig, name);
    }
    for preset in [
        Policy::for_database_rows(),
        Policy::for_unreliable_services(),
        Policy::for_costly_results(),
        Policy::for_hot_keys(),
    ] {
        let policy = preset.build().unwrap();
        let endless = builder(&harness)
            .no_expiry()
            .policy(policy.clone())
            .build()
            .await;
        refusal(endless, ErrorKind::InvalidConfig, "ttl");
        drop(
            builder(&harness)
                .ttl(TTL)
                .policy(policy)
                .build()
                .await
                .unwrap(),
        );
    }
    let idle = new().time_to_idle(secs(2)).build().unwrap();
    let short = builder(&harness).ttl(secs(1)).policy(idle).build().await;
    refusal(short, ErrorKind::InvalidConfig, "time_to_idle");
}
