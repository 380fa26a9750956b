//! Nothing blocks the thread that polls it. Every rule runs on a runtime of one thread under a
//! watchdog; these are the ones that a blocking store cannot pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use larder_core::{Cache, Filter};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "task")]
struct Task {
    #[cache(id)]
    id: u64,
    #[cache(index, sort, text)]
    name: String,
}

fn task(id: u64) -> Task {
    Task {
        id,
        name: format!("task {id}"),
    }
}

/// While one task works on the store, the others of its thread get their turn.
pub async fn other_tasks_of_the_thread_get_their_turn(harness: Harness) {
    let cache: Cache<Task> = harness.cache().await;
    let (turns, done) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let ticking = {
        let (turns, done) = (Arc::clone(&turns), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                turns.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        })
    };
    let working = {
        let cache = cache.clone();
        tokio::spawn(async move {
            for id in 0..100 {
                cache.put(task(id)).await.unwrap();
                tokio::task::yield_now().await;
                let found = cache
                    .find(|t| t.name.eq(format!("task {id}")))
                    .ids()
                    .await
                    .unwrap();
                assert_eq!(found.items, [id]);
                tokio::task::yield_now().await;
            }
        })
    };
    working.await.unwrap();
    done.store(true, Ordering::SeqCst);
    ticking.await.unwrap();
    assert!(turns.load(Ordering::SeqCst) >= 100, "the others starved");
}

/// A future that was polled once and is then left alone, neither polled nor dropped, holds up no
/// one: its locks, if it has any, are not ones that another operation waits for.
pub async fn a_future_left_alone_holds_up_no_one(harness: Harness) {
    let cache: Cache<Task> = harness.cache().await;
    cache.put_many((0..10).map(task)).await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut put = Box::pin(cache.put(task(1)));
    let mut remove = Box::pin(cache.remove(&2));
    let mut find = Box::pin(cache.find(|_| Filter::all()).fetch());
    let mut update = Box::pin(cache.update(&3, |task| task.name.push('!')));
    let mut clear = Box::pin(cache.stats());
    let left_alone = [
        put.as_mut().poll(&mut context).map(drop),
        remove.as_mut().poll(&mut context).map(drop),
        find.as_mut().poll(&mut context).map(drop),
        update.as_mut().poll(&mut context).map(drop),
        clear.as_mut().poll(&mut context).map(drop),
    ];
    // On the same thread, so that a lock held by one of them would never be let go.
    for id in 0..10 {
        cache.put(task(id)).await.unwrap();
        assert_eq!(cache.get(&id).await.unwrap(), Some(Arc::new(task(id))));
    }
    let named = cache
        .find(|t| t.name.starts_with("task"))
        .count()
        .await
        .unwrap();
    assert_eq!(named, 10);
    let updated = cache.update(&3, |task| task.name.push('?')).await.unwrap();
    assert_eq!(updated.unwrap().name, "task 3?");
    // What was not done by then still can be.
    if left_alone[0].is_pending() {
        put.await.unwrap();
    }
    if left_alone[1].is_pending() {
        remove.await.unwrap();
    }
    assert!(matches!(left_alone[2], Poll::Ready(())) || find.await.is_ok());
}

/// Operations that were begun together on one thread all end, whichever is polled first.
pub async fn operations_begun_together_all_end(harness: Harness) {
    let cache: Cache<Task> = harness.cache().await;
    let mut all = Vec::new();
    for id in 0..60_u64 {
        let cache = cache.clone();
        all.push(tokio::spawn(async move {
            match id % 6 {
                0 => cache.put_many((0..20).map(task)).await.unwrap(),
                1 => drop(
                    cache
                        .get_many(&(0..20).collect::<Vec<u64>>())
                        .await
                        .unwrap(),
                ),
                2 => drop(cache.find(|t| t.name.contains("1")).fetch().await.unwrap()),
                3 => drop(
                    cache
                        .remove_many(&(0..5).collect::<Vec<u64>>())
                        .await
                        .unwrap(),
                ),
                4 => drop(cache.find(|t| t.name.eq("task 7")).remove().await.unwrap()),
                _ => drop(cache.stats().await.unwrap()),
            }
        }));
    }
    for task in all.into_iter().rev() {
        task.await.unwrap();
    }
    assert_eq!(
        cache.all().await.unwrap().len() as u64,
        cache.count().await.unwrap()
    );
}
