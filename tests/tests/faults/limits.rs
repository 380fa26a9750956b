//! Limits of the server: memory, rights, expansions, and patterns that are dear.

use std::time::Duration;

use larder::{ErrorKind, Filter};
use larder_testkit::server::{Kind, Server};

use crate::{
    Item, LOST, Report, builder, ends, fill, heals, holds, item, items, summary, works_again,
};

/// An item that takes some room.
fn large(id: u64) -> Item {
    Item {
        payload: format!("{id} ").repeat(4_000 / (id.to_string().len() + 1)),
        ..item(id)
    }
}

/// Rows go while they are asked for: those that come are right, and the counts are theirs.
pub(crate) async fn evicting() -> Report {
    let mut report = Report::new();
    let server = Server::builder(Kind::RedisSearch)
        .config("maxmemory", &["30mb"])
        .config("maxmemory-policy", &["allkeys-lru"])
        .start();
    let cache = items(builder(&server.url())).await;
    let asking = cache.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let asker = tokio::spawn(async move {
        let mut asked = 0;
        while stopped.try_recv().is_err() {
            let find = asking.find(|i| i.words.matches("all") & i.name.eq("n3"));
            let find = match asked % 2 {
                0 => find.sort(|i| i.number.desc()).limit(100),
                _ => find.limit(100),
            };
            let page = ends(find.with_total().fetch()).await.unwrap();
            for row in &page.items {
                assert_eq!(**row, large(row.id), "a wrong row");
            }
            asked += 1;
        }
        asked
    });
    for from in (0..10_000).step_by(250) {
        ends(cache.put_many((from..from + 250).map(large)))
            .await
            .unwrap();
    }
    stop.send(()).unwrap();
    let asked = asker.await.unwrap();
    report.saw(
        "find under eviction",
        format!("{asked} answers, every row right"),
    );
    let evicted = server.command(&["INFO", "stats"]).text();
    assert!(!evicted.contains("evicted_keys:0\r"), "nothing was evicted");
    let rows = ends(cache.all()).await.unwrap();
    for row in &rows {
        assert_eq!(**row, large(row.id), "a wrong row");
    }
    let count = ends(cache.count()).await.unwrap();
    assert_eq!(count, rows.len() as u64);
    assert!(count < 10_000);
    report.saw(
        "count",
        format!("{count} of 10000, as many as there are rows"),
    );
    works_again(&cache).await;
    report
}

pub(crate) async fn full() -> Report {
    let mut report = Report::new();
    let server = Server::builder(Kind::RedisSearch)
        .config("maxmemory", &["25mb"])
        .config("maxmemory-policy", &["noeviction"])
        .start();
    let cache = items(builder(&server.url())).await;
    let mut stored = 0;
    let refused = loop {
        match ends(cache.put(large(stored))).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 20_000, "80 MB went into 25");
    };
    assert_eq!(refused.kind(), ErrorKind::Overloaded, "{refused}");
    report.fails("put", Err::<(), _>(refused), &[ErrorKind::Overloaded]);
    // Full beyond doubt: else a command that is smaller than the put might have room.
    let limit = server.command(&["CONFIG", "SET", "maxmemory", "24mb"]);
    assert_eq!(limit.text(), "OK");
    let got = ends(cache.get(&1)).await.unwrap();
    assert_eq!(got.as_deref(), Some(&large(1)));
    let replaced = ends(cache.put(item(1))).await;
    report.fails("put over another", replaced, &[ErrorKind::Overloaded]);
    let got = ends(cache.get(&1)).await.unwrap();
    assert_eq!(
        got.as_deref(),
        Some(&large(1)),
        "the old one is still whole"
    );
    let touched = ends(cache.touch(&1, Duration::from_secs(60))).await;
    report.fails("touch", touched, &[ErrorKind::Overloaded]);
    assert_eq!(ends(cache.count()).await.unwrap(), stored);
    let rows = ends(cache.find(|i| i.number.lt(10u64)).fetch())
        .await
        .unwrap();
    assert_eq!(rows.items.len(), 10);
    report.saw("get and find", "go on");
    let ids: Vec<u64> = (0..stored / 2).collect();
    let removed = ends(cache.remove_many(&ids)).await.unwrap();
    assert_eq!(removed as u64, stored / 2);
    report.saw("remove", "makes room");
    works_again(&cache).await;
    assert_eq!(ends(cache.count()).await.unwrap(), stored - stored / 2);
    report
}

pub(crate) async fn user_without_search() -> Report {
    let mut report = Report::new();
    let forbidden = [
        "-ft.create",
        "-ft.search",
        "-ft.aggregate",
        "-ft.info",
        "-ft.config",
    ];
    let rules = [&["~*", "&*", "+@all"], &forbidden[..]].concat();
    let server = Server::builder(Kind::RedisSearch)
        .user("app", "s3cret", &rules)
        .start();
    let url = server.url_of("app", "s3cret");
    let cache = items(builder(&url)).await;
    fill(&cache, 0..20).await;
    assert_eq!(
        ends(cache.get(&1)).await.unwrap().as_deref(),
        Some(&item(1))
    );
    report.saw("put and get", "work");
    let found = ends(cache.find(|i| i.name.eq("n1")).fetch()).await;
    let error = found.as_ref().unwrap_err();
    assert!(error.message().contains("ft.create"), "{error}");
    report.fails("find", found, &[ErrorKind::Unsupported]);
    let allowed = ["ACL", "SETUSER", "app", "+@all"];
    assert_eq!(server.command(&allowed).text(), "OK");
    let cache = items(builder(&url)).await;
    holds(&cache, 0..20).await;
    works_again(&cache).await;
    report
}

/// With 200 expansions and no way to raise them, patterns over a thousand terms are still right.
pub(crate) async fn few_expansions() -> Report {
    let mut report = Report::new();
    let server = Server::builder(Kind::RedisSearch)
        .search_args(&["MAXPREFIXEXPANSIONS", "200"])
        .user(
            "app",
            "s3cret",
            &["~*", "&*", "+@all", "-ft.config", "-config"],
        )
        .start();
    let cache = items(builder(&server.url_of("app", "s3cret"))).await;
    let odd = |id: u64| Item {
        name: format!("{}{id:04}", if id < 1_000 { "a" } else { "b" }),
        words: format!("{}{id:04}", if id < 1_000 { "c" } else { "d" }),
        ..item(id)
    };
    for from in (0..1_010).step_by(505) {
        ends(cache.put_many((from..from + 505).map(odd)))
            .await
            .unwrap();
    }
    let limit = server
        .command(&["FT.CONFIG", "GET", "MAXPREFIXEXPANSIONS"])
        .text();
    assert!(limit.contains("200"), "{limit}");
    let wanted = |filter: &Filter<Item>, expected: u64| {
        let (cache, filter) = (cache.clone(), filter.clone());
        async move {
            assert_eq!(
                ends(cache.find(|_| filter.clone()).count()).await.unwrap(),
                expected
            );
            let page = ends(cache.find(|_| filter).with_total().fetch())
                .await
                .unwrap();
            assert_eq!(page.items.len() as u64, expected);
            assert!(page.extent.is_exhausted());
            assert_eq!(page.total, Some(larder::Total::Exact(expected)));
        }
    };
    let fields = <Item as larder::CacheModel>::FIELDS;
    for (filter, expected) in [
        (fields.name.starts_with("a"), 1_000),
        (!fields.name.starts_with("a"), 10),
        (fields.name.ends_with("7"), 101),
        (!fields.name.contains("99"), 991),
        (fields.words.prefix("c"), 1_000),
        (!fields.words.prefix("c"), 10),
        (fields.words.infix("99"), 19),
        (fields.name.starts_with("a") & !fields.words.prefix("c"), 0),
    ] {
        wanted(&filter, expected).await;
    }
    report.saw("prefix of 1000 terms", "1000 rows");
    report.saw("the negated prefix", "the other 10");
    works_again(&cache).await;
    report
}

pub(crate) async fn hostile_patterns() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url()).query_timeout(Duration::from_secs(3))).await;
    let evil = |id: u64| Item {
        name: format!("{}{id:04}", "a".repeat(3_990)),
        words: format!("{}{id:04}", "a".repeat(36)),
        ..item(id)
    };
    for from in (0..3_000).step_by(250) {
        ends(cache.put_many((from..from + 250).map(evil)))
            .await
            .unwrap();
    }
    let process = server.process();
    let mut answers = 0;
    let mut errors = Vec::new();
    let fields = <Item as larder::CacheModel>::FIELDS;
    let mut filters = Vec::new();
    for pattern in [
        "*a*a*a*a*b".to_owned(),
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*b".to_owned(),
        format!("{}b", "*a".repeat(1_000)),
        format!("{}*b", "a*".repeat(30)),
        format!("*{}*b*", "a".repeat(2_000)),
        format!("{}*b", "?".repeat(2_000)),
    ] {
        filters.push((fields.name.like(&pattern), 0));
        filters.push((!fields.name.like(&pattern), 3_000));
        filters.push((fields.words.wildcard(&pattern), 0));
        filters.push((!fields.words.wildcard(&pattern), 3_000));
    }
    // Words so long kill the server that is asked for them.
    for length in [900, 1_100, 70_000] {
        let long = "a".repeat(length);
        filters.push((fields.words.prefix(&long), 0));
        filters.push((fields.words.suffix(&long), 0));
        filters.push((fields.words.infix(&long), 0));
        filters.push((!fields.words.fuzzy(&long, 3), 3_000));
    }
    // And this it cannot do in time.
    filters.push((fields.name.contains("a".repeat(100)), 3_000));
    for (i, (filter, expected)) in filters.into_iter().enumerate() {
        match ends(cache.find(|_| filter).count()).await {
            Ok(count) => {
                assert_eq!(count, expected, "filter {i}");
                answers += 1;
            }
            // The server still works on what we gave up.
            Err(error) => {
                assert!(LOST.contains(&error.kind()), "filter {i}: {error}");
                errors.push(error);
            }
        }
    }
    report.saw(
        "find",
        format!("{answers} right answers, {}", summary(&errors)),
    );
    server.wait_until(&["PING"], "PONG");
    assert_eq!(server.process(), process);
    report.saw("PING of another", "PONG");
    assert_eq!(
        heals(|| cache.count(), LOST).await,
        3_000,
        "the server was killed"
    );
    works_again(&cache).await;
    report
}
