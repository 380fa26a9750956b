//! Faults of the way to the server, and of what answers there.

use larder::ErrorKind;
use larder::redis::ReadPolicy;
use larder_testkit::server::{Kind, Server};

use crate::proxy::{Mode, Proxy};
use crate::{
    LOST, Report, builder, ends, fill, heals, holds, impatient, item, items, meets, works_again,
};

pub(crate) async fn wrong_password() -> Report {
    let mut report = Report::new();
    let server = Server::builder(Kind::RedisSearch).password("right").start();
    let url = format!("redis://:s3cret%21@127.0.0.1:{}", server.port());
    let connected = ends(builder(&url).connect()).await;
    let error = connected.as_ref().unwrap_err();
    for told in [
        error.to_string(),
        format!("{error:?}"),
        format!("{:?}", builder(&url)),
    ] {
        assert!(!told.contains("s3cret"), "{told}");
    }
    report.fails("connect", connected, &[ErrorKind::InvalidConfig]);
    let none = format!("redis://127.0.0.1:{}", server.port());
    let connected = ends(builder(&none).connect()).await;
    report.fails(
        "connect without any",
        connected,
        &[ErrorKind::InvalidConfig],
    );
    works_again(&items(builder(&url).password("right")).await).await;
    report
}

pub(crate) async fn password_changed() -> Report {
    let mut report = Report::new();
    let server = Server::builder(Kind::RedisSearch)
        .user("app", "s3cret", &["~*", "&*", "+@all"])
        .start();
    let cache = items(builder(&server.url_of("app", "s3cret"))).await;
    fill(&cache, 0..20).await;
    let change = |rules: &[&str]| {
        let command = [&["ACL", "SETUSER", "app"], rules].concat();
        assert_eq!(server.command(&command).text(), "OK");
    };
    change(&[">other", "<s3cret"]);
    server.client_kill_all();
    let refused = meets(|| cache.get(&1)).await;
    let error = refused.as_ref().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    report.fails("get", refused, &[ErrorKind::InvalidConfig]);
    report.fails(
        "find",
        ends(cache.count()).await,
        &[ErrorKind::InvalidConfig],
    );
    change(&[">s3cret"]);
    heals(|| cache.get(&1), &[ErrorKind::InvalidConfig]).await;
    holds(&cache, 0..20).await;
    works_again(&cache).await;
    report
}

/// What is no Redis takes the place of one, and leaves it again.
pub(crate) async fn no_redis() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let proxy = Proxy::before(server.port());
    let cache = items(builder(&proxy.url())).await;
    fill(&cache, 0..20).await;
    proxy.set(Mode::Http);
    let connected = ends(builder(&proxy.url()).connect()).await;
    report.fails("connect", connected, &[ErrorKind::InvalidConfig]);
    let refused = meets(|| cache.get(&1)).await;
    report.fails("get", refused, &[ErrorKind::InvalidConfig]);
    report.fails(
        "put",
        ends(cache.put(item(1))).await,
        &[ErrorKind::InvalidConfig],
    );
    proxy.set(Mode::Forward);
    heals(
        || cache.get(&1),
        &[ErrorKind::InvalidConfig, ErrorKind::Unavailable],
    )
    .await;
    holds(&cache, 0..20).await;
    works_again(&cache).await;
    report
}

pub(crate) async fn silent() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let proxy = Proxy::before(server.port());
    let cache =
        items(builder(&proxy.url()).connect_timeout(std::time::Duration::from_secs(2))).await;
    proxy.set(Mode::Silent);
    let connected = ends(impatient(&proxy.url()).connect()).await;
    report.fails("connect", connected, &[ErrorKind::Timeout]);
    let get = meets(|| cache.get(&1)).await;
    report.fails("get", get, &[ErrorKind::Timeout]);
    report.fails("put", ends(cache.put(item(1))).await, LOST);
    proxy.set(Mode::Forward);
    works_again(&cache).await;
    report
}

pub(crate) async fn half_open() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let proxy = Proxy::before(server.port());
    let cache = items(impatient(&proxy.url())).await;
    heals(|| cache.put_many((0..20).map(item)), LOST).await;
    proxy.freeze();
    report.fails("get", ends(cache.get(&1)).await, &[ErrorKind::Timeout]);
    heals(|| cache.get(&1), LOST).await;
    report.saw("next get", "its answer, over a new connection");
    proxy.freeze();
    report.fails("find", ends(cache.count()).await, &[ErrorKind::Timeout]);
    heals(|| cache.count(), LOST).await;
    proxy.freeze();
    report.fails("put", ends(cache.put(item(1))).await, &[ErrorKind::Timeout]);
    assert!(proxy.connections() >= 3, "no new connection");
    works_again(&cache).await;
    holds(&items(builder(&proxy.url())).await, 0..20).await;
    report
}

pub(crate) async fn cut() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let proxy = Proxy::before(server.port());
    let cache = items(builder(&proxy.url())).await;
    fill(&cache, 0..500).await;
    for bytes in [0, 1, 3, 17, 200, 5_000] {
        heals(|| cache.get(&1), LOST).await;
        proxy.cut_after(bytes);
        // The answer is longer than any of these.
        let found = ends(cache.all()).await;
        let error = found.as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{bytes}: {error}");
        if bytes == 5_000 {
            report.fails("find", found, &[ErrorKind::Unavailable]);
        }
    }
    for bytes in [0, 1, 30] {
        heals(|| cache.get(&1), LOST).await;
        proxy.cut_after(bytes);
        let got = ends(cache.get_many(&(0..100).collect::<Vec<u64>>())).await;
        if bytes == 30 {
            report.fails("get of many", got, &[ErrorKind::Unavailable]);
        }
    }
    works_again(&cache).await;
    holds(&cache, 0..500).await;
    report
}

pub(crate) async fn refused() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url())).await;
    server.kill();
    let connected = ends(builder(&server.url()).connect()).await;
    report.fails("connect", connected, &[ErrorKind::Unavailable]);
    report.fails("get", ends(cache.get(&1)).await, &[ErrorKind::Unavailable]);
    report.fails("find", ends(cache.count()).await, &[ErrorKind::Unavailable]);
    server.restart();
    works_again(&cache).await;
    works_again(&items(builder(&server.url())).await).await;
    report
}

pub(crate) async fn fail_open() -> Report {
    let mut report = Report::new();
    let server = Server::start(Kind::RedisSearch);
    let cache = items(builder(&server.url()).reads(ReadPolicy::FailOpen)).await;
    fill(&cache, 0..20).await;
    server.kill();
    for _ in 0..3 {
        assert_eq!(ends(cache.get(&1)).await.unwrap(), None);
    }
    let many = ends(cache.get_many(&[1, 2])).await.unwrap();
    assert!(many.iter().all(Option::is_none));
    report.saw("get", "a miss, counted in `failed_reads`");
    report.fails(
        "put",
        ends(cache.put(item(1))).await,
        &[ErrorKind::Unavailable],
    );
    report.fails("find", ends(cache.count()).await, &[ErrorKind::Unavailable]);
    server.restart();
    let stats = heals(|| cache.stats(), LOST).await;
    assert_eq!(stats.store.failed_reads, 4);
    works_again(&cache).await;
    fill(&cache, 0..20).await;
    holds(&cache, 0..20).await;
    report
}
