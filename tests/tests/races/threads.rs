//! Raced operations on threads, on stores in this process; and what moka does there.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use larder::{EmbeddedStore, Store};
use larder_core::SystemClock;
use larder_testkit::{EncodedStore, ReferenceStore};

use crate::source::Source;
use crate::storm::{ROWS, Storm};

/// How many operations there are, unless `LARDER_RACE_OPS` says otherwise: few where nothing is
/// optimised.
fn operations() -> u64 {
    let default = match cfg!(debug_assertions) {
        true => 60_000,
        false => 10_000_000,
    };
    std::env::var("LARDER_RACE_OPS").map_or(default, |count| count.parse().expect("a number"))
}

async fn race(name: &str, store: impl Into<Store>, operations: u64) {
    let storm = Storm::new(store, Source::new(ROWS), 0, 1).await;
    let seen = storm.rage(operations, 16, 1).await;
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (done, stale) = (count(&seen.operations), count(&seen.stale_stores));
    println!(
        "{name}: {done} raced operations; {}; stale stores: {stale}",
        storm.told().await
    );
    assert_eq!(stale, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn raced_operations_on_embedded_store_nothing_stale() {
    let store = EmbeddedStore::builder().build().expect("a store");
    race("embedded", store, operations()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn raced_operations_on_a_small_embedded_store_store_nothing_stale() {
    // Less than there are objects, each write indexed at once: evictions and flushes race too.
    let builder = EmbeddedStore::builder().max_objects(6).flush_at(1);
    let store = builder.build().expect("a store");
    race("embedded, bounded", store, operations() / 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn raced_operations_on_the_reference_store_nothing_stale() {
    let store: Store = Arc::new(ReferenceStore::new(SystemClock));
    race("reference", store, operations() / 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn raced_operations_under_leases_store_nothing_stale() {
    let store: Store = Arc::new(EncodedStore::new(SystemClock, larder_core::codec::Bincode));
    race("encoded, with leases", store, operations() / 10).await;
}

/// What this is all about: the same race, on moka alone.
#[test]
fn moka_keeps_what_a_write_has_overtaken() {
    const KEYS: u64 = 20_000;
    let cache: moka::sync::Cache<u64, u64> = moka::sync::Cache::new(KEYS);
    let source: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(1)).collect());
    let start = Arc::new(Barrier::new(2));
    let loader = {
        let (cache, source, start) = (cache.clone(), Arc::clone(&source), Arc::clone(&start));
        thread::spawn(move || {
            for key in 0..KEYS {
                start.wait();
                cache.get_with(key, || {
                    let version = source[key as usize].load(Ordering::SeqCst);
                    thread::yield_now();
                    version
                });
            }
        })
    };
    for key in 0..KEYS {
        start.wait();
        source[key as usize].store(2, Ordering::SeqCst);
        cache.invalidate(&key);
    }
    loader.join().expect("it ends");
    let stale: HashSet<u64> = (0..KEYS).filter(|key| cache.get(key) == Some(1)).collect();
    println!(
        "moka's `get_with` against `invalidate`: {} of {KEYS} keys stale for good",
        stale.len()
    );
    assert!(!stale.is_empty());
}
