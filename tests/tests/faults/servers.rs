//! Faults of the server itself: killed, stopped, emptied, demoted.

use std::time::Duration;

use larder::{Cache, ErrorKind, RedisStore};
use larder_testkit::server::{Kind, Server};

use crate::{
    Item, LOST, Load, Report, builder, check, ends, fill, heals, holds, impatient, item, items,
    summary, works_again,
};

/// Killed twice while tasks write and ask; what was acknowledged is in its log, and so is there
/// again.
pub(crate) async fn killed() -> Report {
    let mut report = Report::new();
    let server = Server::builder(Kind::RedisSearch)
        .config("appendonly", &["yes"])
        .start();
    let cache = items(builder(&server.url())).await;
    fill(&cache, 0..100).await;
    let load = Load::begin(&cache, 1_000);
    load.progress(50).await;
    for _ in 0..2 {
        server.kill();
        report.fails(
            "put, server dead",
            ends(cache.put(item(1))).await,
            &[ErrorKind::Unavailable],
        );
        report.fails(
            "find, server dead",
            ends(cache.count()).await,
            &[ErrorKind::Unavailable],
        );
        server.restart();
        load.progress(50).await;
    }
    let (stored, errors) = load.end(LOST).await;
    assert!(!errors.is_empty(), "nobody noticed");
    report.saw("put and find under load", summary(&errors));
    works_again(&cache).await;
    // A write that failed may have been done all the same; one that did not fail was done.
    let rows = ends(cache.all()).await.unwrap();
    check(&rows);
    assert_eq!(ends(cache.count()).await.unwrap(), rows.len() as u64);
    for id in stored {
        assert!(rows.iter().any(|row| row.id == id), "{id} was lost");
    }
    report
}

pub(crate) async fn stopped() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(impatient(&server.url())).await;
    heals(|| cache.put_many((0..100).map(item)), LOST).await;
    server.pause();
    let long = tokio::time::sleep(Duration::from_secs(5));
    let (put, find) = tokio::join!(ends(cache.put(item(1))), ends(cache.count()));
    report.fails("put", put, &[ErrorKind::Timeout]);
    report.fails("find", find, &[ErrorKind::Timeout]);
    report.fails("get, connecting anew", ends(cache.get(&1)).await, LOST);
    // The fault is as long as the issue has it.
    long.await;
    server.resume();
    works_again(&cache).await;
    heals(|| cache.count(), LOST).await;
    // With the patience of others, since the machine may be busy.
    holds(&items(builder(&server.url())).await, 0..100).await;
    report
}

pub(crate) async fn clients_killed() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url())).await;
    let load = Load::begin(&cache, 0);
    for _ in 0..5 {
        load.progress(20).await;
        assert!(server.client_kill_all() > 0);
    }
    load.progress(20).await;
    let (stored, errors) = load.end(&[ErrorKind::Unavailable]).await;
    report.saw("put and find under load", summary(&errors));
    server.client_kill_all();
    let get = heals(|| cache.get(&stored[0]), &[ErrorKind::Unavailable]).await;
    assert_eq!(get.as_deref(), Some(&item(stored[0])));
    works_again(&cache).await;
    let rows = ends(cache.all()).await.unwrap();
    check(&rows);
    for id in stored {
        assert!(rows.iter().any(|row| row.id == id), "{id} was lost");
    }
    report
}

pub(crate) async fn flushed() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url())).await;
    fill(&cache, 0..200).await;
    holds(&cache, 0..200).await;
    let load = Load::begin(&cache, 1_000);
    load.progress(20).await;
    assert_eq!(server.command(&["FLUSHALL"]).text(), "OK");
    load.progress(20).await;
    let (_, errors) = load.end(&[]).await;
    report.saw("put and find under load", summary(&errors));
    assert_eq!(server.command(&["FLUSHALL"]).text(), "OK");
    assert_eq!(ends(cache.get(&1)).await.unwrap(), None);
    report.saw("get", "a miss");
    fill(&cache, 300..340).await;
    holds(&cache, 300..340).await;
    assert_eq!(server.command(&["FLUSHALL"]).text(), "OK");
    let rows = ends(cache.find(|i| i.name.eq("n3")).fetch()).await.unwrap();
    assert!(rows.items.is_empty() && rows.extent.is_exhausted());
    report.saw("find", "no rows, all of them; later ones are found");
    fill(&cache, 0..40).await;
    holds(&cache, 0..40).await;
    works_again(&cache).await;
    report
}

pub(crate) async fn index_dropped() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url())).await;
    fill(&cache, 0..2_000).await;
    let drop = || {
        let list = server.command(&["FT._LIST"]);
        assert_eq!(list.elements().len(), 1, "{list}");
        let dropped = server.command(&["FT.DROPINDEX", &list.text()]);
        assert_eq!(dropped.text(), "OK");
    };
    drop();
    holds(&cache, 0..2_000).await;
    report.saw("find", "all rows: the index is made anew and waited for");
    drop();
    let facets = ends(
        cache
            .find(|_| larder::Filter::all())
            .facets(|i| i.name, 100),
    )
    .await;
    let counted: u64 = facets.unwrap().values.iter().map(|(_, count)| count).sum();
    assert_eq!(counted, 2_000);
    report.saw("facets", "all rows");
    drop();
    let gone = ends(cache.find(|i| i.number.lt(1_000u64)).remove()).await;
    assert_eq!(gone.unwrap(), 1_000);
    report.saw("remove of a filter", "all that match");
    holds(&cache, 1_000..2_000).await;
    works_again(&cache).await;
    report
}

pub(crate) async fn scripts_flushed() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url())).await;
    let flush = || assert_eq!(server.command(&["SCRIPT", "FLUSH"]).text(), "OK");
    flush();
    ends(cache.put(item(1))).await.unwrap();
    flush();
    fill(&cache, 0..1_200).await;
    flush();
    assert!(
        ends(cache.touch(&1, Duration::from_secs(3_600)))
            .await
            .unwrap()
    );
    flush();
    assert!(ends(cache.remove(&1)).await.unwrap());
    assert!(!ends(cache.remove(&1)).await.unwrap());
    flush();
    assert_eq!(ends(cache.remove_many(&[0, 1, 2])).await.unwrap(), 2);
    holds(&cache, 3..1_200).await;
    report.saw("put, touch, remove, batches", "as if nothing had been");
    works_again(&cache).await;
    report
}

/// Reads and queries on a replica; then it is promoted under the store.
pub(crate) async fn replica() -> Report {
    let mut report = Report::new();
    let primary = Server::start(Kind::RedisSearch);
    let written = items(builder(&primary.url())).await;
    fill(&written, 0..100).await;
    let replica = Server::builder(Kind::RedisSearch)
        .replica_of(&primary)
        .start();
    let store: RedisStore = ends(builder(&replica.url()).connect()).await.unwrap();
    let cache: Cache<Item> = ends(Cache::builder(store.clone()).build()).await.unwrap();
    holds(&cache, 0..100).await;
    report.saw("get and find", "the rows of the primary");
    let put = ends(cache.put(item(7))).await;
    assert!(put.as_ref().unwrap_err().message().contains("replica"));
    report.fails("put", put, &[ErrorKind::Unavailable]);
    let removed = ends(cache.remove_many(&[1, 2])).await;
    report.fails("remove", removed, &[ErrorKind::Unavailable]);
    let other = ends(Cache::<Item>::builder(store).name("other").build()).await;
    report.fails(
        "a model with no index there",
        other,
        &[ErrorKind::Unavailable],
    );
    // What is none of ours is a miss, though it cannot be removed there.
    let key = "{faults}:item:%00%00%00%00%00%00%00%05";
    primary.command(&["DEL", key]);
    primary.command(&["SET", key, "foreign"]);
    // WAIT waits for what its own connection wrote, and here each command has one of its own.
    replica.wait_until(&["TYPE", key], "string");
    assert_eq!(ends(cache.get(&5)).await.unwrap(), None);
    ends(written.put(item(5))).await.unwrap();
    replica.wait_until(&["TYPE", key], "hash");
    assert_eq!(replica.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    works_again(&cache).await;
    holds(&cache, 0..100).await;
    report
}
