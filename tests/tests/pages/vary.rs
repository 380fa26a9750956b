//! Pages that vary by what their requests have.

use axum::extract::Request;
use larder::http::{Outcome, Why};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::site::{Setup, minute, page, request};

/// Answers with what the request has in the fields that the response varies by.
fn varied(request: &Request, by: &str) -> String {
    let names = by.split(',').map(str::trim).filter(|name| !name.is_empty());
    let values = names.map(|name| {
        let all = request.headers().get_all(name).iter();
        let all: Vec<_> = all.map(|value| value.to_str().unwrap()).collect();
        format!("{name}={all:?};")
    });
    values.collect()
}

pub(crate) async fn a_page_is_served_to_whom_it_is_for(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let by = "Accept-Language, accept";
        page(varied(&request, by), &[("vary", by)])
    });
    let site = site.await;
    let asking = |language, accept| {
        let headers = [("accept-language", language), ("accept", accept)];
        site.send(request("GET", "/", &headers))
    };
    let first = asking("de", "a").await;
    assert!(
        first
            .is(Outcome::Miss)
            .cache_status()
            .starts_with("fwd=uri-miss;")
    );
    let second = asking("en", "a").await;
    assert!(
        second
            .is(Outcome::Miss)
            .cache_status()
            .starts_with("fwd=vary-miss;")
    );
    asking("de", "b").await.is(Outcome::Miss);
    for (language, accept) in [("de", "a"), ("en", "a"), ("de", "b")] {
        let hit = asking(language, accept).await;
        let body = format!("Accept-Language=[{language:?}];accept=[{accept:?}];");
        assert_eq!(hit.is(Outcome::Hit).text(), body);
    }
    // White space around commas means nothing; a field that is not there is not one that is empty.
    asking("de,en", "a").await.is(Outcome::Miss);
    asking("de , en", "a").await.is(Outcome::Hit);
    asking("", "").await.is(Outcome::Miss);
    site.get("/").await.is(Outcome::Miss);
    site.get("/").await.is(Outcome::Hit);
}

pub(crate) async fn a_variant_that_is_not_there_is_looked_for_once(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let by = "accept-language";
        page(varied(&request, by), &[("vary", by)])
    });
    let site = site.await;
    let asking = |language| site.send(request("GET", "/", &[("accept-language", language)]));
    asking("de").await.is(Outcome::Miss);
    let hits = async || site.pages.entries().stats().await.unwrap().hits;
    let before = hits().await;
    asking("en").await.is(Outcome::Miss);
    // The page that says by what it varies, and nothing else.
    assert_eq!(hits().await - before, 1);
}

pub(crate) async fn variants_may_vary_by_other_fields_than_their_first(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let by = match request.headers().contains_key("x-a") {
            true => "x-a, x-b",
            false => "x-a",
        };
        page(varied(&request, by), &[("vary", by)])
    });
    let site = site.await;
    let asking = |headers: &'static [(&str, &str)]| site.send(request("GET", "/", headers));
    asking(&[]).await.is(Outcome::Miss);
    asking(&[("x-b", "1")]).await.is(Outcome::Hit);
    asking(&[("x-a", "1"), ("x-b", "1")])
        .await
        .is(Outcome::Miss);
    let other = asking(&[("x-a", "1"), ("x-b", "2")]).await;
    assert_eq!(other.is(Outcome::Miss).text(), "x-a=[\"1\"];x-b=[\"2\"];");
    for headers in [
        &[("x-a", "1"), ("x-b", "1")][..],
        &[("x-a", "1"), ("x-b", "2")],
        &[],
    ] {
        asking(headers).await.is(Outcome::Hit);
    }
}

pub(crate) async fn there_are_no_more_variants_than_may_be(setup: Setup) {
    let site = setup.site(minute().max_variants(3), |request| {
        page(varied(&request, "x-a"), &[("vary", "x-a")])
    });
    let site = site.await;
    for number in 0..10 {
        let number = number.to_string();
        let answer = site.send(request("GET", "/", &[("x-a", &number)])).await;
        assert_eq!(answer.text(), format!("x-a=[{number:?}];"));
        match number.as_str() {
            "0" | "1" | "2" | "3" => answer.is(Outcome::Miss),
            _ => answer.is_for(Outcome::Uncacheable, Why::Variants),
        };
    }
    assert_eq!(site.pages.entries().count().await.unwrap(), 4);
    for number in ["0", "3"] {
        site.send(request("GET", "/", &[("x-a", number)]))
            .await
            .is(Outcome::Hit);
    }
}

pub(crate) async fn what_varies_by_anything_is_not_stored(setup: Setup) {
    for by in ["*", "accept, *"] {
        let site = setup
            .site(minute(), move |_| page("p", &[("vary", by)]))
            .await;
        for _ in 0..2 {
            site.get("/")
                .await
                .is_for(Outcome::Uncacheable, Why::VaryAny);
        }
        site.pages.clear().await.unwrap();
    }
}

/// A handler that answers by the fields it says, whatever these are, is never misrepresented.
#[test]
fn no_request_is_answered_with_the_page_of_another_variant() {
    let fields = || proptest::collection::vec(("x-[abc]", "[12]"), 0..4);
    let site = (
        proptest::collection::vec(
            proptest::sample::subsequence(vec!["x-a", "x-b", "x-c"], 0..=3),
            3,
        ),
        proptest::collection::vec(fields(), 1..12),
    );
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runner.run(&site, |(by, requests)| {
        // By which fields it varies depends on a field that it always varies by.
        let by = move |request: &Request| {
            let first = request
                .headers()
                .get("x-a")
                .map(|value| value.as_bytes()[0]);
            let more = match first {
                None => &by[0],
                Some(b'1') => &by[1],
                Some(_) => &by[2],
            };
            format!("x-a, {}", more.join(", "))
        };
        runtime.block_on(async {
            let setup = Setup::encoded("").await.unwrap();
            let its = by.clone();
            let site = setup.site(minute(), move |request| {
                let by = its(&request);
                page(varied(&request, &by), &[("vary", &by)])
            });
            let site = site.await;
            for headers in requests {
                let headers: Vec<(&str, &str)> = headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let fresh = request("GET", "/", &headers);
                let fresh = varied(&fresh, &by(&fresh));
                let answer = site.send(request("GET", "/", &headers)).await;
                prop_assert_eq!(answer.text(), fresh);
            }
            Ok(())
        })
    });
    outcome.unwrap();
}
