//! What is answered from the cache, and how.

use larder::http::Outcome;

use crate::site::{Setup, minute, page, request};

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
