//! Many tasks and threads at once: writes are seen, none is lost, and one of many wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_core::{Cache, Condition, ErrorKind, Filter, PutOptions, PutOutcome};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::means;
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "counter")]
struct Counter {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    count: u64,
    /// What `count` is, once more: an object that is not whole would show.
    #[cache(index)]
    twin: u64,
    #[cache(index)]
    name: String,
}

fn counter(id: u64, count: u64) -> Counter {
    Counter {
        id,
        count,
        twin: count,
        name: format!("counter {id}"),
    }
}

const WORKERS: u64 = 8;

/// Runs the work on so many threads at once, each of which drives its own future on the rule's
/// runtime.
async fn at_once<T: Send + 'static, F: Future<Output = T>>(
    workers: u64,
    work: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Vec<T> {
    let runtime = tokio::runtime::Handle::current();
    let threads: Vec<_> = (0..workers)
        .map(|worker| {
            let (runtime, work) = (runtime.clone(), work.clone());
            tokio::task::spawn_blocking(move || runtime.block_on(work(worker)))
        })
        .collect();
    let mut results = Vec::new();
    for thread in threads {
        results.push(thread.await.unwrap());
    }
    results
}

/// Who wrote reads what it wrote, by id and by query, while others write beside it.
pub async fn everyone_reads_their_own_writes(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    let query = harness.expected().query;
    let shared = cache.clone();
    at_once(WORKERS, move |worker| {
        let cache = shared.clone();
        async move {
            for round in 1..=40_u64 {
                let id = worker * 10 + round % 3;
                let count = worker * 1_000 + round;
                cache.put(counter(id, count)).await.unwrap();
                let got = cache.get(&id).await.unwrap().unwrap();
                assert_eq!((got.count, got.twin), (count, count));
                if query {
                    let found = cache.find(|c| c.count.eq(count)).ids().await.unwrap();
                    assert_eq!(found.items, [id]);
                    if round > 3 {
                        let old = cache.find(|c| c.count.eq(count - 3)).count().await.unwrap();
                        assert_eq!(old, 0, "what was replaced is found no more");
                    }
                }
                if round % 10 == 0 {
                    assert!(cache.remove(&id).await.unwrap());
                    assert_eq!(cache.get(&id).await.unwrap(), None);
                    if query {
                        assert!(!cache.find(|c| c.count.eq(count)).exists().await.unwrap());
                    }
                }
            }
        }
    })
    .await;
}

/// Tasks of one thread read their own writes as threads do.
pub async fn tasks_on_one_thread_read_their_own_writes(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    let mut tasks = Vec::new();
    for id in 0..64 {
        let cache = cache.clone();
        tasks.push(tokio::spawn(async move {
            for count in 0..10 {
                cache.put(counter(id, count)).await.unwrap();
                tokio::task::yield_now().await;
                assert_eq!(cache.get(&id).await.unwrap().unwrap().count, count);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let got = cache
        .get_many(&(0..64).collect::<Vec<u64>>())
        .await
        .unwrap();
    assert!(got.into_iter().all(|got| got.unwrap().count == 9));
}

/// `update` from many threads on one key loses no increment; one that gives up says `Conflict`
/// and has changed nothing.
pub async fn updates_of_one_key_lose_no_increment(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    cache.put(counter(1, 0)).await.unwrap();
    let shared = cache.clone();
    let done = at_once(WORKERS, move |_| {
        let cache = shared.clone();
        async move {
            let mut done = 0;
            for _ in 0..50 {
                let updated = cache.update(&1, |counter| {
                    counter.count += 1;
                    counter.twin += 1;
                });
                match updated.await {
                    Ok(updated) => {
                        assert!(updated.is_some());
                        done += 1;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
                }
            }
            done
        }
    });
    let done: u64 = done.await.into_iter().sum();
    assert!(done >= 50, "somebody always gets through");
    let now = cache.get(&1).await.unwrap().unwrap();
    assert_eq!((now.count, now.twin), (done, done));
}

/// `find(..).update` from many threads changes each object once for each thread.
pub async fn finds_that_update_lose_no_increment(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    cache
        .put_many((0..10).map(|id| counter(id, 0)))
        .await
        .unwrap();
    let shared = cache.clone();
    let changed = at_once(WORKERS, move |_| {
        let cache = shared.clone();
        async move {
            let all = cache.find(|_| Filter::all());
            all.update(|counter| counter.count += 1).await.unwrap()
        }
    });
    assert_eq!(changed.await, [10; WORKERS as usize]);
    means(
        &cache,
        |c| c.count.eq(WORKERS),
        &(0..10).collect::<Vec<_>>(),
    )
    .await;
}

/// Of many puts of one id on condition that it is absent, one is stored, and the others are told
/// its version.
pub async fn put_if_absent_has_one_winner(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    for id in 0..20 {
        let shared = cache.clone();
        let outcomes = at_once(WORKERS, move |worker| {
            let cache = shared.clone();
            let options = PutOptions::default().with_condition(Condition::IfAbsent);
            async move { cache.put_with(counter(id, worker), options).await.unwrap() }
        });
        let outcomes = outcomes.await;
        let winners: Vec<usize> = (0..outcomes.len())
            .filter(|at| outcomes[*at].is_stored())
            .collect();
        let [winner] = *winners else {
            panic!("one has to win: {outcomes:?}");
        };
        let PutOutcome::Stored(version) = outcomes[winner] else {
            panic!("the winner is stored");
        };
        for (at, outcome) in outcomes.iter().enumerate() {
            assert!(at == winner || *outcome == PutOutcome::Refused(Some(version)));
        }
        assert_eq!(cache.get(&id).await.unwrap().unwrap().count, winner as u64);
    }
}

/// Of many puts on condition of one version, one is stored.
pub async fn put_if_version_has_one_winner(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    let outcome = cache
        .put_with(counter(1, 0), PutOptions::default())
        .await
        .unwrap();
    let PutOutcome::Stored(mut version) = outcome else {
        panic!("it was stored");
    };
    for _ in 0..20 {
        let shared = cache.clone();
        let outcomes = at_once(WORKERS, move |worker| {
            let cache = shared.clone();
            let condition = Condition::IfVersion(version);
            let options = PutOptions::default().with_condition(condition);
            async move { cache.put_with(counter(1, worker), options).await.unwrap() }
        });
        let stored: Vec<PutOutcome> = outcomes
            .await
            .into_iter()
            .filter(|o| o.is_stored())
            .collect();
        let [PutOutcome::Stored(next)] = stored[..] else {
            panic!("one has to win: {stored:?}");
        };
        version = next;
    }
}

/// Of many removals of one object, one is told that it was there.
pub async fn a_removal_is_told_to_one(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    for id in 0..20 {
        cache.put(counter(id, 0)).await.unwrap();
        let shared = cache.clone();
        let removed = at_once(WORKERS, move |_| {
            let cache = shared.clone();
            async move { cache.remove(&id).await.unwrap() }
        });
        let removed = removed.await.into_iter().filter(|removed| *removed).count();
        assert_eq!(removed, 1);
    }
}

/// While objects change, every answer is made of whole objects that match, each once, and those
/// that are never removed are always there.
pub async fn answers_are_whole_while_objects_change(harness: Harness) {
    const KEYS: u64 = 40;
    let cache: Cache<Counter> = harness.cache().await;
    cache
        .put_many((0..KEYS).map(|id| counter(id, 0)))
        .await
        .unwrap();
    let (shared, writing) = (cache.clone(), Arc::new(AtomicU64::new(WORKERS / 2)));
    let answers = at_once(WORKERS, move |worker| {
        let (cache, writing) = (shared.clone(), Arc::clone(&writing));
        async move {
            if worker % 2 == 0 {
                for round in 1..=100 {
                    let id = (round * 7 + worker) % KEYS;
                    cache.put(counter(id, round)).await.unwrap();
                }
                writing.fetch_sub(1, Ordering::SeqCst);
                return 0;
            }
            let mut answers = 0_u64;
            loop {
                // Looked at first, so that at least one answer comes after the last write.
                let last = writing.load(Ordering::SeqCst) == 0;
                let low = answers % 50;
                let page = cache.find(|c| c.count.ge(low)).sort(|c| c.count.desc());
                let items = page.fetch().await.unwrap().items;
                let mut ids: Vec<u64> = items.iter().map(|counter| counter.id).collect();
                ids.sort_unstable();
                ids.dedup();
                assert_eq!(ids.len(), items.len(), "an object came twice");
                assert!(items.iter().all(|c| c.count >= low && c.twin == c.count));
                assert!(items.is_sorted_by(|a, b| a.count >= b.count));
                let all = cache.find(|_| Filter::all()).limit(5).with_total();
                assert_eq!(all.ids().await.unwrap().total.unwrap().count(), KEYS);
                let id = answers % KEYS;
                let name = format!("counter {id}");
                let named = cache.find(|c| c.name.eq(&name)).one().await.unwrap();
                assert_eq!(named.map(|counter| counter.id), Some(id));
                answers += 1;
                if last {
                    return answers;
                }
            }
        }
    });
    let answers = answers.await;
    assert!(answers.iter().filter(|answers| **answers > 0).count() as u64 == WORKERS / 2);
}

/// Readers of one key, by id, never miss it while it is replaced, and see its versions rise.
pub async fn a_key_that_is_replaced_is_never_missing(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    cache.put(counter(1, 0)).await.unwrap();
    let (shared, done) = (cache.clone(), Arc::new(AtomicBool::new(false)));
    at_once(4, move |worker| {
        let (cache, done) = (shared.clone(), Arc::clone(&done));
        async move {
            if worker == 0 {
                for count in 1..=400 {
                    cache.put(counter(1, count)).await.unwrap();
                }
                done.store(true, Ordering::SeqCst);
                return;
            }
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                let got = cache.get(&1).await.unwrap().expect("it is never removed");
                assert!(got.count >= seen, "{} came after {seen}", got.count);
                seen = got.count;
            }
        }
    })
    .await;
}

/// `clear` and `find(..).remove` beside writes leave just what was written after them.
pub async fn clear_beside_writes_leaves_the_store_whole(harness: Harness) {
    let cache: Cache<Counter> = harness.cache().await;
    let shared = cache.clone();
    at_once(4, move |worker| {
        let cache = shared.clone();
        async move {
            for round in 0..40_u64 {
                match worker {
                    0 => cache.clear().await.unwrap(),
                    1 => drop(cache.find(|c| c.count.ge(20)).remove().await.unwrap()),
                    _ => cache
                        .put(counter(worker * 100 + round, round))
                        .await
                        .unwrap(),
                }
            }
        }
    })
    .await;
    // Whatever is left: every way to ask agrees on it.
    let left = cache.all().await.unwrap();
    assert_eq!(
        cache.stats().await.unwrap().store.objects,
        left.len() as u64
    );
    for counter in &left {
        assert_eq!(
            cache.get(&counter.id).await.unwrap().as_ref(),
            Some(counter)
        );
    }
    let ids: Vec<u64> = left.iter().map(|counter| counter.id).collect();
    means(&cache, |c| c.count.ge(0), &ids).await;
    cache.clear().await.unwrap();
    means(&cache, |_| Filter::all(), &[]).await;
}
