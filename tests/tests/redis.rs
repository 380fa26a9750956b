//! Kinds of Redis servers, the life of an index, and what stands on the server.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::print_stdout,
    reason = "a second process of the test answers so"
)]

#[path = "redis/depend.rs"]
mod depend;
#[path = "redis/entries.rs"]
mod entries;
#[path = "redis/index.rs"]
mod index;
#[path = "redis/kinds.rs"]
mod kinds;
#[path = "redis/loads.rs"]
mod loads;
#[path = "redis/versions.rs"]
mod versions;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use larder::redis::RedisBuilder;
use larder::{Cache, CacheModel, RedisStore};
use larder_testkit::server::{Kind, Server, shared};
use serde::{Deserialize, Serialize};

/// After this a future has hung. Nothing is measured by it.
const HUNG: Duration = Duration::from_secs(120);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "item")]
struct Item {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    name: String,
    #[cache(index, sort)]
    number: u64,
    #[cache(text)]
    words: String,
}

/// The one right item of an id.
fn item(id: u64) -> Item {
    Item {
        id,
        name: format!("n{}", id % 10),
        number: id,
        words: format!("word{} all", id % 7),
    }
}

/// A namespace that no other test has, of this run or an earlier one.
fn namespace(test: &str) -> String {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    format!("{test}-{}-{}", std::process::id(), since.as_nanos())
}

fn at(url: &str, namespace: &str) -> RedisBuilder {
    RedisBuilder::from_url(url)
        .unwrap()
        .namespace(namespace)
        .timeout(Duration::from_secs(20))
        .query_timeout(Duration::from_secs(30))
        .connect_timeout(Duration::from_secs(20))
}

/// The server that tests share.
fn server() -> &'static Server {
    shared(Kind::RedisSearch)
}

fn on_shared(namespace: &str) -> RedisBuilder {
    at(&server().url(), namespace)
}

/// Ends the test if a future does not end.
async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HUNG, future)
        .await
        .expect("the operation ends")
}

async fn store(builder: RedisBuilder) -> RedisStore {
    ends(builder.connect()).await.unwrap()
}

async fn cache<M: CacheModel>(builder: RedisBuilder) -> Cache<M> {
    let store = store(builder).await;
    ends(Cache::builder(store).build()).await.unwrap()
}

async fn fill(cache: &Cache<Item>, ids: std::ops::Range<u64>) {
    for id in ids.clone().step_by(500) {
        let ids = id..ids.end.min(id + 500);
        ends(cache.put_many(ids.map(item))).await.unwrap();
    }
}

/// Checks rows: each is the right one of its id, none comes twice.
fn check(rows: &[Arc<Item>]) {
    let mut ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
    for row in rows {
        assert_eq!(**row, item(row.id), "a wrong row");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len(), "a row came twice");
}

/// Checks that these items and no others are there, and are found.
async fn holds(cache: &Cache<Item>, ids: std::ops::Range<u64>) {
    let wanted = ids.end - ids.start;
    let rows = ends(cache.all()).await.unwrap();
    check(&rows);
    assert_eq!(rows.len() as u64, wanted);
    assert!(rows.iter().all(|row| ids.contains(&row.id)));
    let find = cache.find(|i| i.words.matches("all"));
    let find = find.sort(|i| i.name.desc()).sort(|i| i.number.desc());
    let page = ends(find.limit(3).with_total().fetch()).await.unwrap();
    check(&page.items);
    assert_eq!(page.total, Some(larder::Total::Exact(wanted)));
    let id = ids.start;
    let got = ends(cache.get(&id)).await.unwrap();
    assert_eq!(got.as_deref(), Some(&item(id)));
}
