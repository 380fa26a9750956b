//! The queue by itself, as other data layers use it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use larder::{AfterCommit, Cache, CacheModel, EmbeddedStore, Error, ErrorKind, RowChange};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
struct Thing {
    #[cache(id)]
    id: u32,
    #[cache(index)]
    shelf: u32,
}

fn thing(id: u32) -> Thing {
    Thing { id, shelf: id % 2 }
}

async fn things() -> Cache<Thing> {
    let store = EmbeddedStore::builder().build().unwrap();
    let cache = Cache::builder(store).build().await.unwrap();
    cache.put_many((0..6).map(thing)).await.unwrap();
    cache
}

async fn left(cache: &Cache<Thing>) -> Vec<u32> {
    cache
        .all()
        .await
        .unwrap()
        .iter()
        .map(|thing| thing.id)
        .collect()
}

async fn ended<E: Send + 'static>(how: Result<(), E>) -> Result<(), E> {
    how
}

#[tokio::test]
async fn nothing_is_done_before_the_commit_and_all_after_it() {
    let cache = things().await;
    let mut after = AfterCommit::new();
    assert!(after.is_empty());
    after.changed(&cache, [RowChange::saved(thing(0)), RowChange::deleted(&2)]);
    after.invalidate_where(&cache, |t| t.shelf.eq(1));
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    after.push(move || async move {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    assert_eq!(left(&cache).await, [0, 1, 2, 3, 4, 5]);
    let committed = after.commit(ended::<Infallible>(Ok(()))).await.unwrap();
    assert!(committed.aftermath.is_clean());
    assert_eq!(left(&cache).await, [4]);
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_queue_that_is_dropped_does_nothing() {
    let cache = things().await;
    let mut after = AfterCommit::new();
    after.clear(&cache);
    drop(after);
    assert_eq!(left(&cache).await.len(), 6);
}

#[tokio::test]
async fn a_savepoint_joins_what_came_before_it() {
    let cache = things().await;
    let other = things().await;
    let mut after = AfterCommit::new();
    after.put_if_newer(&cache, Thing { id: 0, shelf: 7 }, 1);
    let mut savepoint = AfterCommit::new();
    savepoint.changed(&cache, [RowChange::deleted(&0)]);
    savepoint.put_if_newer(&cache, Thing { id: 1, shelf: 7 }, 1);
    savepoint.clear(&other);
    after.join(savepoint);
    assert!(after.run().await.is_clean());
    assert_eq!(left(&cache).await, [1, 2, 3, 4, 5]);
    assert_eq!(cache.get(&1).await.unwrap().unwrap().shelf, 7);
    assert!(left(&other).await.is_empty());
}

#[tokio::test]
async fn a_commit_that_was_begun_goes_on_without_its_caller() {
    let cache = things().await;
    let mut after = AfterCommit::new();
    after.changed(&cache, [RowChange::saved(thing(1))]);
    let (commits, done) = [(); 2].map(|()| Arc::new(Semaphore::new(0))).into();
    let mut last = AfterCommit::new();
    let told = Arc::clone(&done);
    last.push(move || async move {
        told.add_permits(1);
        Ok(())
    });
    after.join(last);
    let may_commit = Arc::clone(&commits);
    {
        let commit = pin!(after.commit(async move { may_commit.acquire().await.map(drop) }));
        let polled = commit.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    assert_eq!(left(&cache).await.len(), 6);
    commits.add_permits(1);
    done.acquire().await.unwrap().forget();
    assert_eq!(left(&cache).await, [0, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_commit_that_nobody_waited_for_is_none() {
    let cache = things().await;
    let mut after = AfterCommit::new();
    after.clear(&cache);
    drop(after.commit(ended::<Infallible>(Ok(()))));
    assert_eq!(left(&cache).await.len(), 6);
}

/// Whether a commit that failed was done nobody knows: what may have changed goes.
#[tokio::test]
async fn a_commit_that_fails_removes_and_puts_nothing() {
    let cache = things().await;
    let mut after = AfterCommit::new();
    after.put_if_newer(&cache, Thing { id: 0, shelf: 7 }, 1);
    after.changed(&cache, [RowChange::saved(thing(1))]);
    after.push(|| async { panic!("it was not committed") });
    let failed = after.commit(ended(Err("the connection ended"))).await;
    assert_eq!(failed.unwrap_err(), "the connection ended");
    assert_eq!(left(&cache).await, [2, 3, 4, 5]);
}

#[tokio::test]
async fn what_fails_afterwards_is_told_and_counted() {
    let cache = things().await;
    let mut after = AfterCommit::new();
    let wrong = Error::new(ErrorKind::Unavailable, "no");
    after.push(move || async move { Err(wrong) });
    let work = after.run().await;
    assert_eq!(work.failures()[0].kind(), ErrorKind::Unavailable);
    assert_eq!(
        work.into_result().unwrap_err().kind(),
        ErrorKind::Unavailable
    );

    let mut after = AfterCommit::new();
    // A filter of which every condition was left out means nothing.
    after.invalidate_where(&cache, |t| t.shelf.eq_if(None::<u32>));
    after.changed(&cache, [RowChange::saved(thing(1))]);
    let committed = after.commit(ended::<Infallible>(Ok(()))).await.unwrap();
    let failures = committed.aftermath.failures();
    assert_eq!(failures[0].kind(), ErrorKind::InvalidFilter);
    // The rest is done all the same.
    assert_eq!(left(&cache).await, [0, 2, 3, 4, 5]);
    assert_eq!(cache.stats().await.unwrap().loads.store_failures, 1);
}

#[tokio::test]
async fn what_is_written_past_the_queue_overtakes_what_was_to_be_put() {
    let cache = things().await;
    for joined in [false, true] {
        for cleared in [false, true] {
            let mut after = AfterCommit::new();
            after.put_if_newer(&cache, thing(0), 7);
            let mut later = AfterCommit::new();
            let widened = if joined { &mut later } else { &mut after };
            match cleared {
                true => widened.clear(&cache),
                false => widened.invalidate_where(&cache, |t| t.shelf.eq(0)),
            }
            after.join(later);
            assert!(after.run().await.is_clean());
            assert_eq!(cache.get(&0).await.unwrap(), None);
        }
    }
    // What is written behind that is put.
    let mut after = AfterCommit::new();
    after.clear(&cache);
    after.put_if_newer(&cache, thing(0), 8);
    assert!(after.run().await.is_clean());
    assert!(cache.get(&0).await.unwrap().is_some());
}
