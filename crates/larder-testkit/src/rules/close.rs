//! A closed store refuses what comes after, and closing it again is fine.

use std::time::Duration;

use larder_core::{Aggregate, Cache, Error, ErrorKind, Filter, Result};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::refusal;
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "door")]
struct Door {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
}

fn door(id: u64) -> Door {
    Door {
        id,
        name: "door".to_owned(),
    }
}

#[track_caller]
fn closed<T>(result: Result<T>) {
    refusal(result, ErrorKind::Closed, "closed");
}

/// Closing once, twice or from many tasks at once is no error.
pub async fn closing_twice_is_fine(harness: Harness) {
    let cache: Cache<Door> = harness.cache().await;
    cache.put(door(1)).await.unwrap();
    let mut closing = Vec::new();
    for _ in 0..4 {
        let store = harness.store().clone();
        closing.push(tokio::spawn(async move { store.close().await }));
    }
    for closed in closing {
        closed.await.unwrap().unwrap();
    }
    harness.store().close().await.unwrap();
}

/// A store that was never used can be closed too.
pub async fn an_unused_store_can_be_closed(harness: Harness) {
    harness.store().close().await.unwrap();
    let built = Cache::<Door>::builder(harness.store().clone())
        .build()
        .await;
    closed(built);
}

/// After `close` every operation by id is a `Closed` error: reads, writes and new models.
pub async fn a_closed_store_refuses_everything(harness: Harness) {
    let cache: Cache<Door> = harness.cache().await;
    cache.put(door(1)).await.unwrap();
    harness.store().close().await.unwrap();
    closed(cache.get(&1).await);
    closed(cache.get(&2).await);
    closed(cache.get_many(&[1]).await);
    closed(cache.contains(&1).await);
    closed(cache.put(door(2)).await);
    closed(cache.put_many([door(1), door(2)]).await);
    closed(cache.remove(&1).await);
    closed(cache.touch(&1, Duration::from_secs(1)).await);
    closed(cache.update(&1, |door| door.name.clear()).await);
    closed(cache.clear().await);
    closed(cache.stats().await);
    assert_eq!(cache.peek(&1), None);
    let same = Cache::<Door>::builder(harness.store().clone())
        .build()
        .await;
    closed(same);
    let other = Cache::<Door>::builder(harness.store().clone());
    closed(other.name("other door").build().await);
}

/// After `close` every query is a `Closed` error; what makes no sense still is that.
pub async fn a_closed_store_refuses_queries(harness: Harness) {
    let cache: Cache<Door> = harness.cache().await;
    cache.put(door(1)).await.unwrap();
    harness.store().close().await.unwrap();
    let all = || cache.find(|_| Filter::all());
    closed(all().fetch().await);
    closed(all().ids().await);
    closed(all().count().await);
    closed(all().exists().await);
    closed(all().first().await);
    closed(all().remove().await);
    closed(all().update(|door| door.name.clear()).await);
    closed(all().facets(|d| d.name, 1).await);
    closed(all().aggregate(|_| Aggregate::new()).await);
    let skipped = cache.find(|_| Filter::skipped()).count().await;
    assert_eq!(
        skipped.as_ref().map_err(Error::kind),
        Err(ErrorKind::InvalidFilter)
    );
}
