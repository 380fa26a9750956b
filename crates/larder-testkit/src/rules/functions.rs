//! What is built on loads: functions and keys that load, fences, refreshes, and an empty store.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_core::{CachedFn, ErrorKind, KeyCache, Policy, PutOptions};

use super::asking::refusal;
use super::source::{Source, at, builder, card, cards};
use crate::conformance::Harness;

/// The sum of two numbers, and how often it was asked for.
#[derive(Clone, Default)]
struct Sum(Arc<AtomicU64>);

impl Sum {
    fn calls(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn of(self, (a, b): (u64, String)) -> Result<u64, io::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let b: u64 = b.parse().map_err(io::Error::other)?;
        Ok(a + b)
    }
}

async fn sum(harness: &Harness, name: &str, sum: &Sum) -> CachedFn<(u64, String), u64> {
    let sum = sum.clone();
    let store = Arc::clone(harness.store());
    let function = CachedFn::builder(store, name, move |arguments| sum.clone().of(arguments));
    let function = function
        .runtime(harness.clock().clone())
        .ttl(Duration::from_secs(60));
    function.build().await.unwrap()
}

fn two(b: &str) -> (u64, String) {
    (2, b.to_owned())
}

/// A function is called once for the same arguments, until they are forgotten or time is over.
pub async fn a_function_is_called_once_for_its_arguments(harness: Harness) {
    let counted = Sum::default();
    let function = sum(&harness, "sum", &counted).await;
    for _ in 0..3 {
        assert_eq!(*function.call(two("3")).await.unwrap(), 5);
        assert_eq!(*function.call(two("4")).await.unwrap(), 6);
    }
    assert_eq!(counted.calls(), 2);
    assert!(function.forget(&two("3")).await.unwrap());
    assert_eq!(*function.call(two("3")).await.unwrap(), 5);
    assert_eq!(*function.call(two("4")).await.unwrap(), 6);
    assert_eq!(counted.calls(), 3);
    harness.clock().advance(Duration::from_secs(60));
    assert_eq!(*function.call(two("4")).await.unwrap(), 6);
    assert_eq!(counted.calls(), 4);
    function.forget_all().await.unwrap();
    assert_eq!(*function.call(two("4")).await.unwrap(), 6);
    assert_eq!(counted.calls(), 5);
}

/// An error of a function is its caller's, and is not cached.
pub async fn an_error_of_a_function_is_not_cached(harness: Harness) {
    let counted = Sum::default();
    let function = sum(&harness, "sum", &counted).await;
    for _ in 0..2 {
        let called = function.call(two("three")).await;
        refusal(called, ErrorKind::Loader, "the loader failed");
    }
    refusal(
        function.bypass(two("three")).await,
        ErrorKind::Loader,
        "the loader failed",
    );
    assert_eq!(counted.calls(), 3);
}

/// Two functions share results only under one name.
pub async fn functions_share_results_by_their_name(harness: Harness) {
    let counted = Sum::default();
    let one = sum(&harness, "one", &counted).await;
    let same = sum(&harness, "one", &counted).await;
    let other = sum(&harness, "other", &counted).await;
    assert_eq!(*one.call(two("3")).await.unwrap(), 5);
    assert_eq!(*same.call(two("3")).await.unwrap(), 5);
    assert_eq!(counted.calls(), 1);
    assert_eq!(*other.call(two("3")).await.unwrap(), 5);
    assert_eq!(counted.calls(), 2);
}

/// A call past the cache neither reads nor stores; a refresh stores.
pub async fn a_call_past_the_cache_leaves_it_alone(harness: Harness) {
    let counted = Sum::default();
    let function = sum(&harness, "sum", &counted).await;
    assert_eq!(function.bypass(two("3")).await.unwrap(), 5);
    assert_eq!(*function.call(two("3")).await.unwrap(), 5);
    assert_eq!(function.bypass(two("3")).await.unwrap(), 5);
    assert_eq!(counted.calls(), 3);
    assert_eq!(*function.refresh(two("3")).await.unwrap(), 5);
    assert_eq!(counted.calls(), 4);
    let short = Policy::builder()
        .ttl(Duration::from_secs(1))
        .jitter(0.0)
        .build()
        .unwrap();
    assert_eq!(*function.call_with(two("9"), &short).await.unwrap(), 11);
    harness.clock().advance(Duration::from_secs(1));
    assert_eq!(*function.call(two("9")).await.unwrap(), 11);
    assert_eq!(counted.calls(), 6);
}

/// A function may tag its results, and they are forgotten by tag.
pub async fn results_are_forgotten_by_tag(harness: Harness) {
    let store = Arc::clone(harness.store());
    let square = CachedFn::builder_with(store, "square", |number: u64, fill| {
        fill.add_tags([if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        }]);
        async move { Ok::<_, io::Error>(number * number) }
    });
    let square = square.build().await.unwrap();
    for number in 1..=4 {
        assert_eq!(*square.call(number).await.unwrap(), number * number);
    }
    let forgotten = square.forget_tagged(["even"]).await.unwrap();
    // Without an index a store may not be able to tell how many there were.
    assert!(forgotten == 2 || (forgotten < 2 && !harness.expected().query));
    assert_eq!(square.stats().await.unwrap().store.objects, 2);
}

/// A value under a string key is loaded once, and "nothing" is remembered.
pub async fn a_key_is_loaded_once(harness: Harness) {
    let keys = KeyCache::<u64>::new(Arc::clone(harness.store()), "lengths")
        .await
        .unwrap();
    let policy = Policy::builder()
        .ttl(Duration::from_secs(9))
        .build()
        .unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    for _ in 0..2 {
        for (key, length) in [("abc", Some(3)), ("", None)] {
            let counted = Arc::clone(&calls);
            let loaded = keys.get_or_load(key, &policy, move |key, fill| async move {
                counted.fetch_add(1, Ordering::SeqCst);
                fill.add_tags(["t"]);
                Ok::<_, io::Error>(u64::try_from(key.len()).ok().filter(|length| *length > 0))
            });
            assert_eq!(loaded.await.unwrap().as_deref(), length.as_ref());
        }
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let removed = keys.remove_tagged(["t"]).await.unwrap();
    assert!(removed == 1 || (removed == 0 && !harness.expected().query));
    assert_eq!(keys.get("abc").await.unwrap(), None);
    let version = |version| PutOptions::default().with_version(version);
    assert!(keys.set_with("x", 1, version(5)).await.unwrap().is_stored());
    assert!(!keys.set_with("x", 2, version(4)).await.unwrap().is_stored());
    assert_eq!(keys.get("x").await.unwrap().as_deref(), Some(&1));
    assert!(keys.expire("x").await.unwrap());
}

/// Behind a fence what is loaded is answered and not stored, until it is lifted.
pub async fn a_fence_keeps_what_is_loaded_out(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1, 2]));
    cache.put(card(1)).await.unwrap();
    let fence = cache.fence(&[1], Duration::from_secs(10)).await.unwrap();
    assert_eq!(cache.get(&1).await.unwrap(), None);
    for _ in 0..2 {
        let loaded = cache.get_or_load(&1, source.one()).await.unwrap();
        assert_eq!(loaded.as_deref(), Some(&card(1)));
        assert_eq!(cache.get(&1).await.unwrap(), None);
    }
    let other = cache.get_or_load(&2, source.one()).await.unwrap();
    assert_eq!(cache.get(&2).await.unwrap(), other);
    source.set(at(1, 2));
    fence.lift().await.unwrap();
    let loaded = cache.get_or_load(&1, source.one()).await.unwrap();
    assert_eq!(loaded.as_deref(), Some(&at(1, 2)));
    assert_eq!(cache.get(&1).await.unwrap(), loaded);
    let none = cache.fence(&[1], Duration::ZERO).await;
    refusal(none.map(drop), ErrorKind::InvalidConfig, "a fence lives");
}

/// Each writer's fence is its own: while one is up nothing is stored.
pub async fn every_fence_has_to_be_lifted(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    let first = cache.fence(&[1], Duration::from_secs(10)).await.unwrap();
    let second = cache.fence(&[1, 2], Duration::from_secs(10)).await.unwrap();
    first.lift().await.unwrap();
    assert!(cache.get_or_load(&1, source.one()).await.unwrap().is_some());
    assert_eq!(cache.get(&1).await.unwrap(), None);
    second.lift().await.unwrap();
    assert!(cache.get_or_load(&1, source.one()).await.unwrap().is_some());
    assert_eq!(cache.get(&1).await.unwrap().as_deref(), Some(&card(1)));
}

/// A fence that nobody lifts ends with its lifetime.
pub async fn a_fence_that_is_dropped_ends_with_its_lifetime(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    drop(cache.fence(&[1], Duration::from_secs(10)).await.unwrap());
    // The task that keeps it up has to have begun, to wake when the clock moves.
    while harness.clock().sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(cache.get_or_load(&1, source.one()).await.unwrap().is_some());
    assert_eq!(cache.get(&1).await.unwrap(), None);
    harness.clock().advance(Duration::from_secs(10));
    loop {
        assert!(cache.get_or_load(&1, source.one()).await.unwrap().is_some());
        if cache.get(&1).await.unwrap().is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
}

/// What is refreshed by the clock is loaded again and again, whether or not anybody reads.
pub async fn a_refresh_by_the_clock_loads_by_itself(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1, 2]));
    let load = {
        let source = source.clone();
        move |ids, _| source.some()(ids)
    };
    let pause = Duration::from_secs(5);
    let refresher = cache.refresh_every(pause, [1, 2], load.clone()).unwrap();
    let seen = |version| {
        let (cache, clock) = (cache.clone(), harness.clock().clone());
        async move {
            while cache
                .get(&1)
                .await
                .unwrap()
                .is_none_or(|card| card.version != version)
                || clock.sleepers() == 0
            {
                tokio::task::yield_now().await;
            }
        }
    };
    seen(1).await;
    for version in 2..5 {
        source.set(at(1, version));
        harness.clock().advance(pause);
        seen(version).await;
    }
    assert_eq!(source.loads(), 4);
    assert_eq!(cache.get(&2).await.unwrap().as_deref(), Some(&card(2)));
    drop(refresher);
    let none = cache.refresh_every(Duration::ZERO, [1], load);
    refusal(none.map(drop), ErrorKind::InvalidConfig, "a refresh pauses");
}

/// Everything goes from all models that were opened, and from what is being loaded into them.
pub async fn everything_goes_from_all_models(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1, 2]));
    let keys = KeyCache::<u64>::new(Arc::clone(harness.store()), "numbers")
        .await
        .unwrap();
    keys.set("a", 1, Duration::from_secs(60)).await.unwrap();
    cache.put(card(2)).await.unwrap();
    source.hold();
    source.forget_begun();
    let load = {
        let (cache, load) = (cache.clone(), source.one());
        tokio::spawn(async move { cache.get_or_load(&1, load).await })
    };
    source.begun().await;
    harness.store().clear_all().await.unwrap();
    source.release();
    assert!(load.await.unwrap().unwrap().is_some());
    assert_eq!(cache.get(&1).await.unwrap(), None);
    assert_eq!(cache.get(&2).await.unwrap(), None);
    assert_eq!(keys.get("a").await.unwrap(), None);
    assert_eq!(harness.store().models().len(), 2);
    drop(builder(&harness).name("third").build().await.unwrap());
    assert_eq!(harness.store().models().len(), 3);
}
