//! The life of an index: made by many at once, waited for, dropped when unused.

use std::time::Duration;

use larder::{Cache, CacheModel, ErrorKind, Extent, Truncation};
use larder_testkit::server::{Kind, Server, offline};
use serde::{Deserialize, Serialize};

use crate::{Item, at, cache, check, ends, fill, holds, namespace, on_shared, server, store};

/// The model of a newer program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "item")]
struct Newer {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    name: String,
    #[cache(index)]
    color: String,
}

/// The indexes there are of a namespace.
fn indexes(server: &Server, namespace: &str) -> Vec<String> {
    let all = server.command(&["FT._LIST"]);
    let names = all.elements().iter().map(|name| name.text());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with(&format!("{{{namespace}}}")))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_make_one_index_at_once_all_find_all_rows() {
    if offline("an index made at once") {
        return;
    }
    let name = namespace("at-once");
    fill(&cache(on_shared(&name)).await, 0..1_000).await;
    for index in indexes(server(), &name) {
        assert_eq!(server().command(&["FT.DROPINDEX", &index]).text(), "OK");
    }
    let tasks = (0..8).map(|_| {
        let name = name.clone();
        tokio::spawn(async move {
            let cache: Cache<Item> = cache(on_shared(&name)).await;
            holds(&cache, 0..1_000).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(indexes(server(), &name).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_while_an_index_is_built_are_marked_or_waited_for() {
    if offline("an index over 20,000 rows") {
        return;
    }
    let server = Server::start(Kind::RedisSearch);
    let name = "scanned";
    let first: Cache<Item> = cache(at(&server.url(), name)).await;
    fill(&first, 0..20_000).await;
    let drop = || {
        for index in indexes(&server, name) {
            assert_eq!(server.command(&["FT.DROPINDEX", &index]).text(), "OK");
        }
    };
    drop();
    // One that waits: the first answer is the whole one.
    let waited = ends(
        first
            .find(|i| i.name.eq("n3"))
            .with_total()
            .limit(1)
            .fetch(),
    )
    .await
    .unwrap();
    assert_eq!(waited.total, Some(larder::Total::Exact(2_000)));
    drop();
    // One that does not.
    let soon = store(at(&server.url(), name).query_timeout(Duration::from_millis(100))).await;
    let soon: Cache<Item> = ends(Cache::builder(soon).build()).await.unwrap();
    let mut marked = 0;
    ends(async {
        loop {
            let find = soon.find(|i| i.name.eq("n3")).with_total().limit(10_000);
            let page = match find.ids().await {
                Ok(page) => page,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
                    marked += 1;
                    continue;
                }
            };
            if page.extent.is_exhausted() {
                assert_eq!(page.items.len(), 2_000);
                assert_eq!(page.total, Some(larder::Total::Exact(2_000)));
                break;
            }
            assert_eq!(page.extent, Extent::Truncated(Truncation::Indexing));
            assert!(!matches!(page.total, Some(larder::Total::Exact(_))));
            marked += 1;
        }
    })
    .await;
    assert!(marked > 0, "20,000 rows were indexed at once");
}

/// A program that knows its index to be complete is not told when another makes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_another_program_makes_anew_is_waited_for() {
    if offline("an index made anew by another") {
        return;
    }
    let server = Server::start(Kind::RedisSearch);
    let name = "anew";
    let knowing: Cache<Item> = cache(at(&server.url(), name)).await;
    fill(&knowing, 0..20_000).await;
    let other = store(at(&server.url(), name)).await;
    for index in indexes(&server, name) {
        assert_eq!(server.command(&["FT.DROPINDEX", &index]).text(), "OK");
    }
    let made = tokio::spawn(async move { Cache::<Item>::builder(other).build().await });
    server.wait_until(&["FT._LIST"], name);
    while !made.is_finished() {
        let find = knowing.find(|i| i.name.eq("n3")).with_total().limit(10_000);
        let page = ends(find.ids()).await.unwrap();
        if page.extent.is_exhausted() {
            assert_eq!(page.items.len(), 2_000);
        }
    }
    ends(made).await.unwrap().unwrap();
    let count = knowing.find(|i| i.name.eq("n3")).count();
    assert_eq!(ends(count).await.unwrap(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_index_is_dropped_and_made_anew_when_its_program_comes_back() {
    if offline("unused indexes") {
        return;
    }
    let name = namespace("unused");
    let older: Cache<Item> = cache(on_shared(&name)).await;
    fill(&older, 0..50).await;
    let [old] = &indexes(server(), &name)[..] else {
        panic!("one index")
    };
    let newer: Cache<Newer> = cache(on_shared(&name)).await;
    let thing = Newer {
        id: 100,
        name: "n3".to_owned(),
        color: "red".to_owned(),
    };
    ends(newer.put(thing.clone())).await.unwrap();
    let both = indexes(server(), &name);
    assert_eq!(both.len(), 2);
    let new = both.iter().find(|index| *index != old).unwrap();
    // The alias names the newest.
    let alias = format!("{{{name}}}:item");
    let info = server().command(&["FT.INFO", &alias]);
    assert!(info.mentions(new), "{info}");
    // The older program was not heard of since 1970.
    let register = format!("{{{name}}}:item!indexes");
    let aged = server().command(&["ZADD", &register, "XX", "CH", "1", old]);
    assert_eq!(aged.number(), Some(1));
    let _again: Cache<Newer> =
        cache(on_shared(&name).drop_unused_after(Duration::from_secs(60))).await;
    assert_eq!(indexes(server(), &name), [new.as_str()]);
    holds(&older, 0..50).await;
    assert_eq!(indexes(server(), &name).len(), 2);
    let score = server().command(&["ZSCORE", &register, old]);
    assert!(
        score.number().is_some_and(|score| score > 1),
        "in use again: {score}"
    );
    let found = ends(newer.find(|n| n.color.eq("red")).fetch())
        .await
        .unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(*found.items[0], thing);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_server_could_not_index_are_counted() {
    if offline("indexing failures") {
        return;
    }
    let name = namespace("failures");
    let cache: Cache<Item> = cache(on_shared(&name)).await;
    fill(&cache, 0..10).await;
    assert_eq!(
        ends(cache.stats()).await.unwrap().store.indexing_failures,
        0
    );
    let list = server().command(&["KEYS", &format!("{{{name}}}:item:*")]);
    let key = list.elements()[0].text();
    // `n1` is the number of the second field.
    let set = server().command(&["HSET", &key, "n1", "no number"]);
    assert_eq!(set.number(), Some(0), "the field was there");
    let stats = ends(cache.stats()).await.unwrap();
    assert_eq!(stats.store.indexing_failures, 1);
    let rows = ends(cache.all()).await.unwrap();
    check(&rows);
}
