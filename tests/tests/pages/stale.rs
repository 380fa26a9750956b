//! One call for all, and what is served where it fails or takes its time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use larder::http::{Outcome, Rule, Why};
use tokio::sync::{Barrier, Semaphore};
use tower::{ServiceBuilder, ServiceExt as _};

use crate::site::{Setup, Site, get, minute, numbered, page, request};

const HOUR: Duration = Duration::from_secs(3_600);

fn failing() -> Response {
    let mut response = page("failed", &[]);
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// A handler that waits for leave, and says how often it was called.
async fn gated(
    setup: &Setup,
    rule: Rule,
    headers: &'static [(&'static str, &'static str)],
) -> (Site, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let (inside, calls) = (Arc::clone(&gate), Arc::new(AtomicU64::new(0)));
    let site = setup.async_site(rule, move |_| {
        let (inside, calls) = (Arc::clone(&inside), Arc::clone(&calls));
        async move {
            let number = calls.fetch_add(1, Ordering::SeqCst) + 1;
            inside.acquire().await.unwrap().forget();
            page(number.to_string(), headers)
        }
    });
    (site.await, gate)
}

/// Waits until so many wait for a page that another is making.
async fn waiting(site: &Site, many: u64) {
    while site.pages.entries().stats().await.unwrap().loads.waiters < many {
        tokio::task::yield_now().await;
    }
}

async fn called(site: &Site, times: u64) {
    while site.calls() < times {
        tokio::task::yield_now().await;
    }
}

/// Waits until no page is being made.
async fn settled(site: &Site) {
    while site.pages.entries().stats().await.unwrap().loads.in_flight > 0 {
        tokio::task::yield_now().await;
    }
}

fn asking(site: &Site, uri: &'static str) -> tokio::task::JoinHandle<crate::site::Answer> {
    let site = site.clone();
    tokio::spawn(async move { site.get(uri).await })
}

pub(crate) async fn all_who_ask_at_once_are_answered_by_one_call(setup: Setup) {
    let (site, gate) = gated(&setup, minute(), &[]).await;
    let all: Vec<_> = (0..10).map(|_| asking(&site, "/")).collect();
    waiting(&site, 9).await;
    gate.add_permits(1);
    let mut outcomes = Vec::new();
    for one in all {
        let answer = one.await.unwrap();
        assert_eq!(answer.text(), "1");
        outcomes.push(answer.outcome());
        if answer.outcome() == Outcome::Collapsed {
            let said = "fwd=uri-miss; fwd-status=200; collapsed; ttl=60";
            assert_eq!(answer.cache_status(), said);
        }
    }
    let many = |outcome| outcomes.iter().filter(|one| **one == outcome).count();
    assert_eq!(many(Outcome::Miss), 1);
    // On a store that others share, who waited for a page looks for it there once it is made.
    assert_eq!(many(Outcome::Collapsed) + many(Outcome::Hit), 9);
    assert_eq!(site.calls(), 1);
}

pub(crate) async fn a_page_is_stored_though_its_client_has_gone(setup: Setup) {
    let (site, gate) = gated(&setup, minute(), &[]).await;
    let gone = asking(&site, "/");
    called(&site, 1).await;
    gone.abort();
    gone.await.unwrap_err();
    gate.add_permits(1);
    settled(&site).await;
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "1");
}

pub(crate) async fn a_private_response_is_its_callers_alone(setup: Setup) {
    let (site, gate) = gated(&setup, minute(), &[("cache-control", "private")]).await;
    let all: Vec<_> = (0..4).map(|_| asking(&site, "/")).collect();
    waiting(&site, 3).await;
    gate.add_permits(4);
    let mut bodies = Vec::new();
    for one in all {
        let answer = one.await.unwrap();
        answer.is_for(Outcome::Uncacheable, Why::Private);
        bodies.push(answer.text().to_owned());
    }
    bodies.sort();
    assert_eq!(bodies, ["1", "2", "3", "4"]);
}

pub(crate) async fn what_may_not_be_cached_is_not_waited_for(setup: Setup) {
    let both = Arc::new(Barrier::new(2));
    let inside = Arc::clone(&both);
    let site = setup.async_site(minute(), move |request: Request| {
        let inside = Arc::clone(&inside);
        async move {
            if request.uri().query() == Some("meet") {
                // Never ends for one alone.
                inside.wait().await;
            }
            page("p", &[("cache-control", "no-store")])
        }
    });
    let site = site.await;
    let (one, other) = (asking(&site, "/?meet"), asking(&site, "/?meet"));
    // The one that makes the page would wait for ever for the other, which waits for it.
    called(&site, 1).await;
    waiting(&site, 1).await;
    both.wait().await;
    called(&site, 2).await;
    both.wait().await;
    for answer in [one, other] {
        answer.await.unwrap().is(Outcome::Uncacheable);
    }
    // From now on it is known.
    let (one, other) = tokio::join!(site.get("/?meet"), site.get("/?meet"));
    for answer in [one, other] {
        answer.is_for(Outcome::Uncacheable, Why::NoStore);
        assert_eq!(
            answer.cache_status(),
            "fwd=miss; fwd-status=200; detail=no-store"
        );
    }
}

pub(crate) async fn that_a_page_may_not_be_cached_is_forgotten(setup: Setup) {
    let calls = Arc::new(AtomicU64::new(0));
    let site = setup.site(minute(), move |_| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => page("p", &[("cache-control", "private")]),
            _ => page("p", &[]),
        }
    });
    let site = site.await;
    site.get("/")
        .await
        .is_for(Outcome::Uncacheable, Why::Private);
    site.clock.advance(Duration::from_secs(119));
    site.get("/")
        .await
        .is_for(Outcome::Uncacheable, Why::Remembered);
    site.clock.advance(Duration::from_secs(1));
    site.get("/").await.is(Outcome::Miss);
    site.get("/").await.is(Outcome::Hit);
}

pub(crate) async fn stale_is_served_while_the_page_is_made_anew(setup: Setup) {
    let rule = minute().stale_while_revalidate(Duration::from_secs(30));
    let site = setup.site(rule, numbered()).await;
    site.get("/").await;
    site.clock.advance(Duration::from_secs(70));
    let stale = site.get("/").await;
    stale.is_for(Outcome::Stale, Why::StaleWhileRevalidate);
    assert_eq!((stale.text(), stale.header("age")), ("1", "70"));
    assert_eq!(
        stale.cache_status(),
        "hit; ttl=-10; detail=stale-while-revalidate"
    );
    called(&site, 2).await;
    settled(&site).await;
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "2");
    site.clock.advance(Duration::from_secs(91));
    assert_eq!(site.get("/").await.is(Outcome::Miss).text(), "3");
}

pub(crate) async fn stale_is_served_where_the_handler_fails(setup: Setup) {
    let calls = Arc::new(AtomicU64::new(0));
    let site = setup.site(minute().stale_if_error(HOUR), move |_| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => page("good", &[]),
            1 => failing(),
            2 => panic!("a handler that panics, as its test wants it"),
            _ => page("good again", &[]),
        }
    });
    let site = site.await;
    site.get("/").await.is(Outcome::Miss);
    for second in [70, 140] {
        site.clock.advance(Duration::from_secs(70));
        let stale = site.get("/").await;
        stale.is_for(Outcome::Stale, Why::StaleIfError);
        assert_eq!((stale.text(), stale.status), ("good", 200));
        let said = format!("hit; ttl=-{}; detail=stale-if-error", second - 60);
        assert_eq!(stale.cache_status(), said);
    }
    site.clock.advance(Duration::from_secs(70));
    let again = site.get("/").await;
    assert_eq!(again.is(Outcome::Miss).text(), "good again");
    assert!(
        again
            .cache_status()
            .starts_with("fwd=stale; fwd-status=200; stored")
    );
}

pub(crate) async fn stale_is_served_where_the_handler_takes_too_long(setup: Setup) {
    let soft = Duration::from_millis(20);
    let rule = minute().stale_if_error(HOUR).soft_timeout(soft);
    let (site, gate) = gated(&setup, rule, &[]).await;
    gate.add_permits(1);
    site.get("/").await.is(Outcome::Miss);
    site.clock.advance(Duration::from_secs(70));
    let stale = site.get("/").await;
    assert_eq!(stale.is_for(Outcome::Stale, Why::StaleIfError).text(), "1");
    gate.add_permits(1);
    settled(&site).await;
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "2");
}

pub(crate) async fn a_client_waits_no_longer_than_the_rule_has_it(setup: Setup) {
    let rule = minute().hard_timeout(Duration::from_millis(20));
    let (site, gate) = gated(&setup, rule, &[]).await;
    let late = site.get("/").await;
    assert_eq!(late.is_for(Outcome::Refused, Why::Timeout).status, 504);
    assert_eq!(late.cache_status(), "fwd=miss; detail=timeout");
    gate.add_permits(1);
    settled(&site).await;
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "1");
}

pub(crate) async fn what_must_be_asked_about_is_never_served_stale(setup: Setup) {
    let rule = minute().stale_while_revalidate(HOUR).stale_if_error(HOUR);
    let site = setup.site(rule, |request| {
        let said = format!("max-age=10, {}", request.uri().query().unwrap());
        page("p", &[("cache-control", &said)])
    });
    let site = site.await;
    for said in ["must-revalidate", "s-maxage=10"] {
        let uri = format!("/?{said}");
        site.get(&uri).await.is(Outcome::Miss);
        site.clock.advance(Duration::from_secs(11));
        site.get(&uri).await.is(Outcome::Miss);
    }
    site.get("/?public").await.is(Outcome::Miss);
    site.clock.advance(Duration::from_secs(11));
    site.get("/?public").await.is(Outcome::Stale);
}

pub(crate) async fn a_failed_response_goes_to_its_caller_and_is_not_remembered(setup: Setup) {
    let calls = Arc::new(AtomicU64::new(0));
    let site = setup.site(minute(), move |_| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => failing(),
            _ => page("good", &[]),
        }
    });
    let site = site.await;
    let failed = site.get("/").await;
    failed.is_for(Outcome::Uncacheable, Why::Failed);
    assert_eq!((failed.status, failed.text()), (500, "failed"));
    site.get("/").await.is(Outcome::Miss);
    assert_eq!(site.get("/").await.is(Outcome::Hit).text(), "good");
}

pub(crate) async fn a_panic_of_a_handler_goes_to_its_caller(setup: Setup) {
    let calls = Arc::new(AtomicU64::new(0));
    let site = setup.site(minute(), move |_| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("a handler that panics, as its test wants it"),
            _ => page("good", &[]),
        }
    });
    let site = site.await;
    let panicked = asking(&site, "/").await.unwrap_err().into_panic();
    let message = panicked.downcast_ref::<&str>().unwrap();
    assert_eq!(*message, "a handler that panics, as its test wants it");
    site.get("/").await.is(Outcome::Miss);
}

pub(crate) async fn an_error_of_the_inner_service_goes_to_its_caller(setup: Setup) {
    let pages = setup.pages().build().await.unwrap();
    let service =
        ServiceBuilder::new()
            .layer(pages.layer())
            .service_fn(|request: Request| async move {
                match request.uri().path() {
                    "/bad" => Err("the service is out of order"),
                    _ => Ok(page("good", &[])),
                }
            });
    let error = service.clone().oneshot(get("/bad")).await.unwrap_err();
    assert_eq!(error, "the service is out of order");
    assert_eq!(service.oneshot(get("/")).await.unwrap().status(), 200);
}

/// A service that is ready for one request at a time.
pub(crate) async fn a_hit_does_not_wait_for_the_inner_service(setup: Setup) {
    let pages = setup.pages().build().await.unwrap();
    let gate = Arc::new(Semaphore::new(1));
    let inside = Arc::clone(&gate);
    let slow = tower::service_fn(move |_: axum::http::Request<Body>| {
        let inside = Arc::clone(&inside);
        async move {
            inside.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(page("p", &[]))
        }
    });
    let one_by_one = tower::limit::ConcurrencyLimit::new(slow, 1);
    let service = ServiceBuilder::new()
        .layer(pages.layer())
        .service(one_by_one);
    service.clone().oneshot(get("/hit")).await.unwrap();
    let busy = tokio::spawn(service.clone().oneshot(get("/other")));
    while pages.entries().stats().await.unwrap().loads.in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let hit = service.oneshot(get("/hit")).await.unwrap();
    assert!(
        hit.headers()["cache-status"]
            .to_str()
            .unwrap()
            .contains("hit")
    );
    gate.add_permits(1);
    busy.await.unwrap().unwrap();
}

pub(crate) async fn a_refresh_in_the_background_asks_for_the_page_of_its_client(setup: Setup) {
    let rule = minute().stale_while_revalidate(HOUR);
    let site = setup.site(rule, |request| {
        let language = request.headers().get("accept-language");
        let language = language.map_or("", |value| value.to_str().unwrap());
        page(language.to_owned(), &[("vary", "accept-language")])
    });
    let site = site.await;
    let asking = |language| site.send(request("GET", "/", &[("accept-language", language)]));
    asking("de").await.is(Outcome::Miss);
    asking("en").await.is(Outcome::Miss);
    for _ in 0..3 {
        site.clock.advance(Duration::from_secs(70));
        for language in ["en", "de", "fr"] {
            assert_eq!(asking(language).await.text(), language);
        }
        settled(&site).await;
    }
}
