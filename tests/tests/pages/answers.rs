//! What is answered from the cache, and how.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use larder::http::{ClientControl, Outcome, Why};

use crate::site::{Setup, Site, get, minute, numbered, page, request};

pub(crate) async fn a_page_is_made_once_and_served_from_the_cache(setup: Setup) {
    let site = setup.site(minute(), |_| page("hello", &[])).await;
    let first = site.get("/").await;
    assert_eq!(first.is(Outcome::Miss).text(), "hello");
    assert_eq!(
        first.cache_status(),
        "fwd=uri-miss; fwd-status=200; stored; ttl=60"
    );
    let second = site.get("/").await;
    assert_eq!(second.is(Outcome::Hit).text(), "hello");
    assert_eq!(second.cache_status(), "hit; ttl=60");
    assert_eq!(second.header("content-type"), "text/plain");
    assert_eq!(site.calls(), 1);
}

pub(crate) async fn head_is_answered_from_get(setup: Setup) {
    let site = setup.site(minute(), |request| {
        assert_eq!(request.method(), "GET");
        page("hello", &[])
    });
    let site = site.await;
    for outcome in [Outcome::Miss, Outcome::Hit] {
        let head = site.send(request("HEAD", "/", &[])).await;
        head.is(outcome);
        assert_eq!((head.text(), head.header("content-length")), ("", "5"));
    }
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "hello");
}

pub(crate) async fn age_counts_from_when_the_page_was_made(setup: Setup) {
    let site = setup.site(minute(), |_| page("hello", &[])).await;
    let made = site.get("/").await;
    site.clock.advance(Duration::from_millis(10_400));
    let hit = site.get("/").await;
    assert_eq!(hit.is(Outcome::Hit).header("age"), "10");
    assert_eq!(hit.cache_status(), "hit; ttl=49");
    assert_eq!(hit.header("date"), made.header("date"));
    assert!(!hit.header("date").is_empty());
    let report = hit.report.unwrap();
    assert_eq!(report.age, Some(Duration::from_millis(10_400)));
    assert_eq!(report.ttl, Some(Duration::from_millis(49_600)));
}

/// A body that takes two seconds.
struct Slow(larder_testkit::ManualClock, Option<Bytes>);

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let bytes = self.1.take();
        if bytes.is_some() {
            self.0.advance(Duration::from_secs(2));
        }
        Poll::Ready(bytes.map(|bytes| Ok(http_body::Frame::data(bytes))))
    }
}

pub(crate) async fn a_page_grows_older_while_its_body_comes(setup: Setup) {
    let clock = setup.clock.clone();
    let site = setup.site(minute(), move |_| {
        let body = Slow(clock.clone(), Some(Bytes::from("p")));
        page(axum::body::Body::new(body), &[])
    });
    let site = site.await;
    assert_eq!(site.get("/").await.is(Outcome::Miss).header("age"), "2");
    let hit = site.get("/").await;
    assert_eq!(hit.is(Outcome::Hit).header("age"), "2");
    assert_eq!(hit.cache_status(), "hit; ttl=58");
    site.clock.advance(Duration::from_millis(57_999));
    site.get("/").await.is(Outcome::Hit);
    site.clock.advance(Duration::from_millis(1));
    site.get("/").await.is(Outcome::Miss);
}

pub(crate) async fn a_page_ends_with_its_lifetime(setup: Setup) {
    let site = setup.site(minute(), numbered()).await;
    assert_eq!(site.get("/").await.text(), "1");
    site.clock.advance(Duration::from_millis(59_999));
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "1");
    site.clock.advance(Duration::from_millis(1));
    assert_eq!(site.get("/").await.is(Outcome::Miss).text(), "2");
}

pub(crate) async fn what_a_handler_says_goes_before_the_rule(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let said = request.uri().query().unwrap().replace('_', " ");
        match said.strip_prefix("expires=") {
            Some(date) => page("p", &[("expires", date)]),
            None => page("p", &[("cache-control", &said)]),
        }
    });
    let site = site.await;
    for (said, ttl) in [
        ("max-age=5", Some(5)),
        ("Max-Age=5,_public", Some(5)),
        ("max-age=5,s-maxage=90", Some(90)),
        ("public", Some(60)),
        ("max-age=0", None),
        ("no-cache", None),
        ("expires=Thu,_01_Jan_1970_00:00:00_GMT", None),
        // Half a minute from where the tests' clock begins.
        ("expires=Tue,_14_Nov_2023_22:13:50_GMT", Some(30)),
    ] {
        let answer = site.get(&format!("/?{said}")).await;
        let outcome = match ttl {
            Some(_) => Outcome::Miss,
            None => Outcome::Uncacheable,
        };
        assert_eq!(answer.outcome(), outcome, "{said}");
        let report = answer.report.as_ref().unwrap();
        assert_eq!(report.ttl, ttl.map(Duration::from_secs), "{said}");
    }
}

pub(crate) async fn the_age_of_an_answer_from_further_on_counts(setup: Setup) {
    let site = setup.site(minute(), |_| {
        page("p", &[("age", "20"), ("cache-control", "max-age=60")])
    });
    let site = site.await;
    site.get("/").await.is(Outcome::Miss);
    site.clock.advance(Duration::from_secs(10));
    let hit = site.get("/").await;
    assert_eq!(hit.is(Outcome::Hit).header("age"), "30");
    assert_eq!(hit.cache_status(), "hit; ttl=30");
    site.clock.advance(Duration::from_secs(30));
    site.get("/").await.is(Outcome::Miss);
}

pub(crate) async fn a_page_without_a_lifetime_is_not_cached(setup: Setup) {
    let rule = larder::http::Rule::new();
    let site = setup.site(rule, |_| page("p", &[])).await;
    for _ in 0..2 {
        let answer = site.get("/").await;
        assert_eq!(answer.is(Outcome::Uncacheable).text(), "p");
    }
    assert_eq!(site.calls(), 2);
}

pub(crate) async fn what_is_not_there_is_remembered_for_a_while(setup: Setup) {
    let site = setup.site(minute(), |_| {
        let mut response = page("no", &[]);
        *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
        response
    });
    let site = site.await;
    assert_eq!(site.get("/").await.is(Outcome::Miss).status, 404);
    site.clock.advance(Duration::from_secs(29));
    assert_eq!(site.get("/").await.is(Outcome::Hit).status, 404);
    site.clock.advance(Duration::from_secs(1));
    site.get("/").await.is(Outcome::Miss);
}

pub(crate) async fn a_page_without_a_tag_is_given_one_of_its_body(setup: Setup) {
    let handler = |request: Request| page(request.uri().path().to_owned(), &[]);
    let site = setup.site(minute(), handler).await;
    let (one, other) = (site.get("/a").await, site.get("/b").await);
    let tag = one.header("etag");
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    assert_ne!(tag, other.header("etag"));
    site.pages.clear().await.unwrap();
    let again = site.get("/a").await;
    assert_eq!(again.is(Outcome::Miss).header("etag"), tag);
}

pub(crate) async fn a_client_that_has_the_page_is_answered_304(setup: Setup) {
    let changed = "Tue, 14 Nov 2023 20:00:00 GMT";
    let site = setup.site(minute(), move |request| {
        assert!(!request.headers().contains_key("if-none-match"));
        assert!(!request.headers().contains_key("if-modified-since"));
        page(
            "hello",
            &[
                ("etag", "\"a,b\""),
                ("last-modified", changed),
                ("vary", "x"),
            ],
        )
    });
    let site = site.await;
    for (name, value, has) in [
        ("if-none-match", "\"a,b\"", true),
        ("if-none-match", "\"other\", W/\"a,b\"", true),
        ("if-none-match", "*", true),
        ("if-none-match", "\"a\"", false),
        ("if-none-match", "\"other\"", false),
        ("if-modified-since", changed, true),
        ("if-modified-since", "Tue, 14 Nov 2023 21:00:00 GMT", true),
        ("if-modified-since", "Tue, 14 Nov 2023 19:00:00 GMT", false),
        ("if-modified-since", "never", false),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = site.send(request(method, "/", &[(name, value)])).await;
            let status = if has { 304 } else { 200 };
            assert_eq!(answer.status, status, "{method} {name}: {value}");
            let is_sent = !has && method == "GET";
            assert_eq!(answer.text(), if is_sent { "hello" } else { "" });
            assert_eq!(answer.header("etag"), "\"a,b\"");
            assert_eq!(answer.header("vary"), "x");
            let kind = if has { "" } else { "text/plain" };
            assert_eq!(answer.header("content-type"), kind);
        }
    }
    let both = [
        ("if-none-match", "\"other\""),
        ("if-modified-since", changed),
    ];
    let answer = site.send(request("GET", "/", &both)).await;
    assert_eq!(answer.status, 200, "a tag goes before a date");
    assert_eq!(site.calls(), 1);
}

pub(crate) async fn a_tag_is_looked_at_where_a_page_is_made_too(setup: Setup) {
    let site = setup.site(minute(), |_| page("hello", &[])).await;
    let tag = site.get("/").await.header("etag").to_owned();
    site.pages.clear().await.unwrap();
    let answer = site
        .send(request("GET", "/", &[("if-none-match", &tag)]))
        .await;
    assert_eq!(answer.is(Outcome::Miss).status, 304);
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "hello");
}

pub(crate) async fn fields_of_a_connection_are_not_stored(setup: Setup) {
    let site = setup.site(minute(), |_| {
        page(
            "p",
            &[
                ("connection", "x-hop, close"),
                ("keep-alive", "timeout=5"),
                ("x-hop", "1"),
                ("x-end", "1"),
            ],
        )
    });
    let site = site.await;
    site.get("/").await;
    let hit = site.get("/").await;
    hit.is(Outcome::Hit);
    for name in ["connection", "keep-alive", "x-hop"] {
        assert_eq!(hit.header(name), "", "{name}");
    }
    assert_eq!(hit.header("x-end"), "1");
}

pub(crate) async fn a_client_cannot_make_the_server_work_unless_it_may(setup: Setup) {
    let site = setup.site(minute(), numbered()).await;
    site.get("/").await;
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("cache-control", "no-store"),
        ("cache-control", "max-age=0"),
        ("pragma", "no-cache"),
    ] {
        let answer = site.send(request("GET", "/", &[(name, value)])).await;
        assert_eq!(answer.is(Outcome::Hit).text(), "1", "{name}: {value}");
    }
}

pub(crate) async fn a_client_that_may_is_listened_to(setup: Setup) {
    let rule = minute().client_control(ClientControl::Honoured);
    let site = setup.site(rule, numbered()).await;
    let asking = |said| site.send(request("GET", "/", &[("cache-control", said)]));
    let none = asking("only-if-cached").await;
    assert_eq!(none.is_for(Outcome::Refused, Why::OnlyIfCached).status, 504);
    assert_eq!(none.cache_status(), "detail=only-if-cached");
    assert_eq!(site.calls(), 0);
    assert_eq!(site.get("/").await.text(), "1");
    assert_eq!(asking("only-if-cached").await.is(Outcome::Hit).text(), "1");
    let anew = asking("no-cache").await;
    assert_eq!(anew.is(Outcome::Miss).text(), "2");
    assert!(anew.cache_status().starts_with("fwd=request; "));
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "2");
    let apart = asking("no-store").await;
    assert_eq!(
        apart.is_for(Outcome::Bypass, Why::RequestNoStore).text(),
        "3"
    );
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "2");
    site.clock.advance(Duration::from_secs(10));
    assert_eq!(asking("max-age=10").await.is(Outcome::Hit).text(), "2");
    assert_eq!(asking("min-fresh=50").await.is(Outcome::Hit).text(), "2");
    assert_eq!(asking("max-age=9").await.is(Outcome::Miss).text(), "4");
    assert_eq!(asking("min-fresh=61").await.is(Outcome::Miss).text(), "5");
    let old = site
        .send(request("GET", "/", &[("pragma", "no-cache")]))
        .await;
    assert_eq!(old.is(Outcome::Miss).text(), "6");
}

pub(crate) async fn the_status_is_on_every_response(setup: Setup) {
    let site = setup.site(minute(), |_| page("p", &[])).await;
    for (method, headers, status) in [
        (
            "GET",
            &[][..],
            "fwd=uri-miss; fwd-status=200; stored; ttl=60",
        ),
        ("GET", &[], "hit; ttl=60"),
        ("GET", &[("cookie", "a=b")], "fwd=bypass; detail=cookie"),
        ("GET", &[("range", "bytes=0-1")], "fwd=bypass; detail=range"),
        ("OPTIONS", &[], "fwd=bypass; detail=method"),
        ("POST", &[], "fwd=method; detail=method"),
    ] {
        let answer = site.send(request(method, "/", headers)).await;
        assert_eq!(answer.cache_status(), status, "{method}");
    }
    let handler = |request: Request| async move { page(request.uri().path().to_owned(), &[]) };
    let shown = setup.pages().name("edge-1").with_keys_shown();
    let shown = Site::new(shown.build().await.unwrap(), setup.clock.clone(), handler);
    let answer = shown.get("http://Example.org/a?b=c").await;
    assert_eq!(
        answer.header("cache-status"),
        "edge-1; fwd=uri-miss; fwd-status=200; stored; ttl=60; key=\"GET example.org|/a?b=c\""
    );
}

pub(crate) async fn what_happened_is_counted(setup: Setup) {
    let site = setup.site(minute(), |request| match request.uri().path() {
        "/private" => page("p", &[("cache-control", "private")]),
        _ => page("p", &[]),
    });
    let site = site.await;
    for uri in ["/", "/", "/", "/private", "/private"] {
        site.get(uri).await;
    }
    site.send(request("GET", "/", &[("authorization", "a")]))
        .await;
    let stats = site.pages.stats();
    assert_eq!((stats.hits, stats.misses, stats.uncacheable), (2, 1, 2));
    assert_eq!((stats.bypassed, stats.stale, stats.refused), (1, 0, 0));
    assert_eq!(stats.reasons["private"], 2);
    assert_eq!(stats.reasons["authorization"], 1);
    assert_eq!(stats.hit_ratio(), Some(0.4));
}

pub(crate) async fn rules_go_by_path_and_the_first_counts(setup: Setup) {
    let pages = setup
        .pages()
        .rule("/a/off", larder::http::Rule::off())
        .rule("/a/*", minute().ttl(Duration::from_secs(7)));
    let pages = pages.build().await.unwrap();
    let site = Site::new(pages, setup.clock, |_| async { page("p", &[]) });
    site.get("/a/off")
        .await
        .is_for(Outcome::Bypass, Why::RuleOff);
    for (uri, ttl) in [("/a/x", 7), ("/a/", 7), ("/b", 60)] {
        let report = site.get(uri).await.report.unwrap();
        assert_eq!(report.ttl, Some(Duration::from_secs(ttl)), "{uri}");
    }
}

pub(crate) async fn a_layer_may_have_a_rule_of_its_own(setup: Setup) {
    let pages = setup.pages().build().await.unwrap();
    let layer = pages
        .layer_with(minute().ttl(Duration::from_secs(3)))
        .unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let handler = axum::routing::get(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { "p" }
    });
    let app = axum::Router::new().route("/", handler.layer(layer));
    for second in 0..5 {
        let response = tower::ServiceExt::oneshot(app.clone(), get("/")).await;
        assert_eq!(response.unwrap().status(), 200);
        assert_eq!(calls.load(Ordering::SeqCst), second / 3 + 1);
        setup.clock.advance(Duration::from_secs(1));
    }
    pages.layer_with(minute().jitter(2.0)).unwrap_err();
}

pub(crate) async fn what_contradicts_itself_is_refused(setup: Setup) {
    for (pages, what) in [
        (setup.pages().name("two words"), "the name of a page cache"),
        (setup.pages().rule("a", minute()), "begins with `/`"),
        (
            setup
                .pages()
                .otherwise(minute().soft_timeout(Duration::from_secs(1))),
            "soft_timeout needs something stale",
        ),
    ] {
        let error = pages.build().await.unwrap_err();
        assert_eq!(error.kind(), larder::ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(what), "{error}");
    }
}
