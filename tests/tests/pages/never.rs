//! What is never stored, and never shown to another.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use larder::http::{Outcome, Why};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::site::{Setup, minute, numbered, page, request};

pub(crate) async fn a_response_that_sets_a_cookie_is_not_stored(setup: Setup) {
    let site = setup.site(minute(), |_| {
        page(
            "yours",
            &[
                ("set-cookie", "s=1"),
                ("cache-control", "public, max-age=60"),
            ],
        )
    });
    let site = site.await;
    for _ in 0..3 {
        let answer = site.get("/").await;
        answer.is_for(Outcome::Uncacheable, Why::SetCookie);
        assert_eq!(answer.header("set-cookie"), "s=1");
    }
    assert_eq!(site.calls(), 3);
}

pub(crate) async fn requests_with_credentials_pass_the_cache_by(setup: Setup) {
    let site = setup.site(minute(), numbered()).await;
    site.get("/").await;
    for (name, why) in [
        ("authorization", Why::Authorization),
        ("cookie", Why::Cookie),
    ] {
        for _ in 0..2 {
            let answer = site.send(request("GET", "/", &[(name, "mine")])).await;
            assert_ne!(answer.is_for(Outcome::Bypass, why).text(), "1");
        }
    }
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "1");
    assert_eq!(site.calls(), 5);
}

pub(crate) async fn responses_that_forbid_it_are_not_stored(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let (name, value) = request.uri().query().unwrap().split_once(':').unwrap();
        page("p", &[(name, &value.replace('_', " "))])
    });
    let site = site.await;
    for (said, why) in [
        ("cache-control:no-store", Why::NoStore),
        ("cache-control:No-Store,_max-age=60", Why::NoStore),
        ("cache-control:private", Why::Private),
        ("cache-control:max-age=60,_PRIVATE=x", Why::Private),
        ("cache-control:no-cache", Why::NoCache),
        ("pragma:no-cache", Why::NoCache),
        ("cache-control:max-age=0", Why::NotFresh),
        ("cache-control:s-maxage=0,_max-age=60", Why::NotFresh),
        ("expires:0", Why::NotFresh),
        ("vary:*", Why::VaryAny),
        ("content-type:text/event-stream", Why::Streaming),
    ] {
        for _ in 0..2 {
            let answer = site.get(&format!("/?{said}")).await;
            assert_eq!(answer.why(), Some(why), "{said}");
            assert_eq!(answer.outcome(), Outcome::Uncacheable, "{said}");
        }
    }
    // What is remembered of them is no page.
    let entries = site.pages.entries();
    assert_eq!(entries.all().await.unwrap().len(), 0);
}

pub(crate) async fn statuses_are_cached_as_rfc_9110_has_it(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let mut response = page("", &[]);
        *response.status_mut() = request.uri().path()[1..].parse().unwrap();
        response
    });
    let site = site.await;
    for (status, is_stored) in [
        (200, true),
        (203, true),
        (204, true),
        (206, false),
        (301, true),
        (302, false),
        (304, false),
        (307, false),
        (308, true),
        (400, false),
        (401, false),
        (403, false),
        (404, true),
        (410, true),
        (429, false),
        (500, false),
        (501, true),
        (503, false),
    ] {
        let uri = format!("/{status}");
        assert_eq!(site.get(&uri).await.status, status);
        let second = site.get(&uri).await.outcome();
        assert_eq!(second == Outcome::Hit, is_stored, "{status}");
    }
}

pub(crate) async fn a_body_that_is_too_large_is_passed_on_as_it_comes(setup: Setup) {
    let rule = minute().max_body(10);
    let site = setup.site(rule, |request| {
        let parts: Vec<&'static str> = match request.uri().path() {
            "/many" => vec!["12345", "67890", "!", "and ", "more"],
            "/exact" => vec!["12345", "67890"],
            _ => return page("as long as it says", &[]),
        };
        let frames = parts.into_iter().map(Ok::<_, std::io::Error>);
        page(Body::from_stream(Frames(frames.collect())), &[])
    });
    let site = site.await;
    for (uri, body) in [
        ("/many", "1234567890!and more"),
        ("/one", "as long as it says"),
    ] {
        for _ in 0..2 {
            let answer = site.get(uri).await;
            assert_eq!(answer.is(Outcome::Uncacheable).text(), body);
        }
        let report = site.pages.stats().reasons;
        assert!(report.contains_key("too-large"), "{report:?}");
    }
    site.get("/exact").await.is(Outcome::Miss);
    assert_eq!(
        site.get("/exact").await.is(Outcome::Hit).text(),
        "1234567890"
    );
}

pub(crate) async fn a_body_that_ends_in_an_error_is_not_stored(setup: Setup) {
    let site = setup.site(minute(), |_| {
        let frames = [Ok("half"), Err(std::io::Error::other("gone"))];
        page(Body::from_stream(Frames(frames.into_iter().collect())), &[])
    });
    let site = site.await;
    for _ in 0..2 {
        let answer = site.get("/").await;
        answer.is_for(Outcome::Uncacheable, Why::BodyFailed);
        assert!(answer.is_broken);
        assert_eq!(answer.text(), "half");
    }
    assert_eq!(site.calls(), 2);
}

pub(crate) async fn a_body_that_is_not_as_long_as_its_head_says_is_not_stored(setup: Setup) {
    let site = setup.site(minute(), |_| {
        let frames = Frames([Ok::<_, std::io::Error>("half")].into_iter().collect());
        page(Body::from_stream(frames), &[("content-length", "8")])
    });
    let site = site.await;
    for _ in 0..2 {
        let answer = site.get("/").await;
        answer.is_for(Outcome::Uncacheable, Why::BodyFailed);
        assert_eq!(answer.text(), "half");
    }
    assert_eq!(site.calls(), 2);
}

pub(crate) async fn a_body_with_empty_frames_is_read_without_them(setup: Setup) {
    let site = setup.site(minute(), |_| {
        let frames = ["", "a", "", "", "b", ""].map(Ok::<_, std::io::Error>);
        page(Body::from_stream(Frames(frames.into_iter().collect())), &[])
    });
    let site = site.await;
    for outcome in [Outcome::Miss, Outcome::Hit] {
        assert_eq!(site.get("/").await.is(outcome).text(), "ab");
    }
}

pub(crate) async fn a_body_with_trailers_is_passed_on(setup: Setup) {
    let site = setup.site(minute(), |_| {
        let mut trailers = axum::http::HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        let frames = [Frame::data(Bytes::from("p")), Frame::trailers(trailers)];
        let frames = frames.into_iter().map(Ok::<_, std::io::Error>);
        page(Body::new(StreamBody::new(Frames(frames.collect()))), &[])
    });
    let answer = site.await.get("/").await;
    assert_eq!(
        answer.is_for(Outcome::Uncacheable, Why::Trailers).text(),
        "p"
    );
}

pub(crate) async fn requests_that_are_not_for_a_page_pass_the_cache_by(setup: Setup) {
    let site = setup.site(minute(), numbered()).await;
    site.get("/").await;
    for (method, headers, why) in [
        ("GET", &[("range", "bytes=0-1")][..], Why::Range),
        ("GET", &[("if-match", "\"a\"")], Why::Precondition),
        (
            "GET",
            &[("connection", "Upgrade"), ("upgrade", "websocket")],
            Why::Upgrade,
        ),
        ("OPTIONS", &[], Why::Method),
        ("TRACE", &[], Why::Method),
    ] {
        let answer = site.send(request(method, "/", headers)).await;
        assert_ne!(answer.is_for(Outcome::Bypass, why).text(), "1");
    }
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "1");
}

/// The items of a stream.
struct Frames<T>(std::collections::VecDeque<T>);

impl<T: Unpin> futures_core::Stream for Frames<T> {
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}

/// Whatever else a request and a response say: with one of these in it, the response is its
/// caller's alone.
#[test]
fn nothing_private_is_ever_served_to_another() {
    const PRIVATE: [(&str, &str); 5] = [
        ("cache-control", "private"),
        ("cache-control", "no-store"),
        ("set-cookie", "a=b"),
        ("vary", "*"),
        ("cache-control", "no-cache"),
    ];
    const OTHER: [(&str, &str); 7] = [
        ("cache-control", "public, max-age=60"),
        ("cache-control", "s-maxage=60, immutable"),
        ("expires", "Fri, 31 Dec 2100 00:00:00 GMT"),
        ("etag", "\"a\""),
        ("vary", "accept"),
        ("last-modified", "Tue, 14 Nov 2023 20:00:00 GMT"),
        ("x-other", "1"),
    ];
    const CREDENTIALS: [(&str, &str); 2] = [("cookie", "a=b"), ("authorization", "me")];
    let others = || proptest::sample::subsequence(OTHER.to_vec(), 0..=OTHER.len());
    let reason = (
        0..PRIVATE.len() + CREDENTIALS.len(),
        any::<prop::sample::Index>(),
    );
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runner.run(
        &(others(), reason, 0..3_usize),
        |(mut says, (reason, at), first)| {
            let mut asks = Vec::new();
            match PRIVATE.get(reason) {
                Some(private) => says.insert(at.index(says.len() + 1), *private),
                None => asks.push(CREDENTIALS[reason - PRIVATE.len()]),
            }
            let is_answered = PRIVATE.get(reason).is_some();
            runtime.block_on(async {
                let setup = Setup::embedded("").await.unwrap();
                let calls = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
                let site = setup.site(minute(), move |_: Request| {
                    let number = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    page(number.to_string(), &says)
                });
                let site = site.await;
                for number in 0..4 {
                    // Those without credentials may share a page, which nobody with them is given.
                    let is_plain = !is_answered && number == first;
                    let headers = if is_plain { &[][..] } else { &asks[..] };
                    let answer = site.send(request("GET", "/", headers)).await;
                    prop_assert_eq!(answer.text(), number.to_string());
                }
                Ok(())
            })
        },
    );
    outcome.unwrap();
}
