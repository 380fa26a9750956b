//! Which requests mean the same page.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use larder::http::{Identity, Outcome, Rule, Why};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::site::{Answer, Setup, Site, get, minute, page, request};

/// A site that shows what its handler saw of the URI.
async fn echo(setup: &Setup, rule: Rule) -> Site {
    let echo = |request: Request| page(request.uri().to_string(), &[]);
    setup.site(rule, echo).await
}

pub(crate) async fn parameters_mean_the_same_in_any_order(setup: Setup) {
    let site = echo(&setup, minute()).await;
    let first = site.get("/?b=2&a=1&b=1&&c").await;
    first.is(Outcome::Miss);
    for uri in ["/?a=1&b=2&b=1&c", "/?c&b=2&b=1&a=1", "/?a=%31&c&b=2&b=1"] {
        assert_eq!(site.get(uri).await.is(Outcome::Hit).text(), first.text());
    }
    for uri in [
        "/?a=1&b=1&b=2&c",
        "/?a=1&b=2&b=1&c=",
        "/?a=1&b=2&b=1",
        "/",
        "/?",
    ] {
        site.get(uri).await.is(Outcome::Miss);
        site.pages.remove_path("/").await.unwrap();
    }
}

pub(crate) async fn parameters_that_are_not_allowed_are_dropped(setup: Setup) {
    let site = echo(&setup, minute().query_only(["page", "sort"])).await;
    let first = site.get("/?utm=x&sort=a&page=2").await;
    // What is not part of the key does not reach the handler.
    assert_eq!(first.is(Outcome::Miss).text(), "/?sort=a&page=2");
    for uri in [
        "/?page=2&sort=a",
        "/?page=2&sort=a&utm=y&other",
        "/?p%61ge=2&sort=a",
    ] {
        assert_eq!(site.get(uri).await.is(Outcome::Hit).text(), first.text());
    }
    site.get("/?page=3&sort=a").await.is(Outcome::Miss);
    assert_eq!(site.get("/?utm=x").await.is(Outcome::Miss).text(), "/");
    site.get("/").await.is(Outcome::Hit);
}

pub(crate) async fn a_query_is_kept_to_the_letter_where_it_is_wanted(setup: Setup) {
    let site = echo(&setup, minute().query_as_it_is()).await;
    for uri in ["/?a=1&b=2", "/?b=2&a=1", "/?b=2&a=%31"] {
        assert_eq!(site.get(uri).await.is(Outcome::Miss).text(), uri);
    }
}

pub(crate) async fn each_spelling_of_a_path_has_its_own_page(setup: Setup) {
    // Routers take them for different paths.
    let site = echo(&setup, minute()).await;
    let spellings = [
        "/%7euser/caf%c3%a9",
        "/~user/caf%C3%A9",
        "/%7Euser/caf%C3%A9",
    ];
    for outcome in [Outcome::Miss, Outcome::Hit] {
        for uri in spellings {
            assert_eq!(site.get(uri).await.is(outcome).text(), uri);
        }
    }
    for uri in ["/a%2Fb", "/a/b", "/A/b", "/a/b/"] {
        site.get(uri).await.is(Outcome::Miss);
    }
    // Removed are all that mean the same. A slash that is escaped is no separator.
    assert_eq!(site.pages.remove_path("/a%2fb").await.unwrap(), 1);
    assert_eq!(site.pages.remove_path(spellings[1]).await.unwrap(), 3);
}

pub(crate) async fn no_spelling_of_a_path_is_a_way_around_its_rule(setup: Setup) {
    let pages = setup.pages();
    let pages = pages
        .rule("/admin/*", Rule::off())
        .rule("/%7Euser", Rule::off());
    let pages = pages.build().await.unwrap();
    let site = Site::new(pages, setup.clock, |_| async { page("p", &[]) });
    for uri in [
        "/admin/a",
        "/%61dmin/a",
        "/adm%69n/%61",
        "/~user",
        "/%7euser",
        "/%7Euser",
    ] {
        site.get(uri).await.is_for(Outcome::Bypass, Why::RuleOff);
    }
    site.get("/%61dmi").await.is(Outcome::Miss);
}

pub(crate) async fn what_is_no_host_passes_the_cache_by(setup: Setup) {
    let site = echo(&setup, minute()).await;
    let hosts = [
        "a.example/x",
        "a?b",
        "who@a.example",
        "a b",
        "",
        "b.example",
    ];
    for host in hosts {
        let request = request("GET", "http://a.example/", &[("host", host)]);
        site.send(request).await.is_for(Outcome::Bypass, Why::Host);
    }
    for host in &hosts[..5] {
        let request = request("GET", "/", &[("host", host)]);
        site.send(request).await.is_for(Outcome::Bypass, Why::Host);
    }
    let both = [("host", "a.example"), ("host", "b.example")];
    site.send(request("GET", "/", &both))
        .await
        .is_for(Outcome::Bypass, Why::Host);
    for host in ["a.example", "a.example:81", "[::1]:80", "under_score"] {
        site.send(request("GET", "/", &[("host", host)]))
            .await
            .is(Outcome::Miss);
    }
    site.send(request(
        "GET",
        "http://A.example/",
        &[("host", "a.EXAMPLE")],
    ))
    .await
    .is(Outcome::Hit);
}

pub(crate) async fn a_layer_that_is_nested_has_the_pages_of_its_prefix(setup: Setup) {
    let pages = setup.pages().rule("/b/off", Rule::off());
    let pages = pages.build().await.unwrap();
    let part = |name: &'static str| {
        let handler = axum::routing::get(move || async move { page(name, &[]) });
        axum::Router::new()
            .route("/", handler.clone())
            .route("/p", handler.clone())
            .route("/off", handler)
            .layer(pages.layer().under(name))
    };
    let app = axum::Router::new()
        .nest("/a", part("/a"))
        .nest("/b", part("/b"));
    let ask = |uri: &'static str| {
        let app = app.clone();
        async move { Answer::of(app.oneshot(get(uri)).await.unwrap()).await }
    };
    for outcome in [Outcome::Miss, Outcome::Hit] {
        for (uri, text) in [("/a/p", "/a"), ("/b/p", "/b"), ("/a", "/a")] {
            assert_eq!(ask(uri).await.is(outcome).text(), text, "{uri}");
        }
    }
    ask("/b/off").await.is_for(Outcome::Bypass, Why::RuleOff);
    ask("/a/off").await.is(Outcome::Miss);
    assert_eq!(pages.remove_path("/b/p").await.unwrap(), 1);
    assert_eq!(pages.remove_path("/a").await.unwrap(), 1);
    ask("/a/p").await.is(Outcome::Hit);
    ask("/b/p").await.is(Outcome::Miss);
}

pub(crate) async fn each_host_has_its_own_pages(setup: Setup) {
    let site = echo(&setup, minute()).await;
    let host = |host| request("GET", "/", &[("host", host)]);
    site.send(host("a.example")).await.is(Outcome::Miss);
    site.send(host("b.example")).await.is(Outcome::Miss);
    site.send(host("A.EXAMPLE")).await.is(Outcome::Hit);
    site.get("http://b.example/").await.is(Outcome::Hit);
    let one = echo(&setup, minute().any_host()).await;
    one.send(host("a.example")).await.is(Outcome::Miss);
    one.send(host("b.example")).await.is(Outcome::Hit);
}

pub(crate) async fn an_identity_has_its_own_pages(setup: Setup) {
    let who = |parts: &axum::http::request::Parts| match parts.headers.get("authorization") {
        None => Identity::Unknown,
        Some(who) if who == "guest" => Identity::Anyone,
        Some(who) if who == "nobody" => Identity::Unknown,
        Some(who) => Identity::Of(who.to_str().unwrap().to_owned()),
    };
    let handler = |request: Request| {
        let who = request.headers().get("authorization");
        page(format!("{who:?}"), &[])
    };
    let site = setup.site(minute().identity(who), handler).await;
    let of = |who| request("GET", "/", &[("authorization", who)]);
    let ann = site.send(of("ann")).await;
    ann.is(Outcome::Miss);
    site.send(of("bob")).await.is(Outcome::Miss);
    assert_eq!(
        site.send(of("ann")).await.is(Outcome::Hit).text(),
        ann.text()
    );
    site.send(of("nobody"))
        .await
        .is_for(Outcome::Bypass, Why::Authorization);
    let none = site.get("/").await;
    none.is(Outcome::Miss);
    // A guest is anyone, and so is who brings no credentials.
    assert_eq!(
        site.send(of("guest")).await.is(Outcome::Hit).text(),
        none.text()
    );
    assert_eq!(site.pages.remove_path("/").await.unwrap(), 3);
}

pub(crate) async fn a_body_is_part_of_the_key_where_it_is_wanted(setup: Setup) {
    let rule = minute().body_key(8);
    let pages = setup.pages().otherwise(rule).build().await.unwrap();
    let service = ServiceBuilder::new().layer(pages.body_layer()).service_fn(
        |request: axum::http::Request<larder::http::PageBody<Body>>| async {
            let body = http_body_util::BodyExt::collect(request.into_body()).await?;
            Ok::<_, axum::Error>(page(body.to_bytes(), &[]))
        },
    );
    let post = |body: &'static str| {
        let request = request("POST", "/", &[]).map(|_| Body::from(body));
        let service = service.clone();
        async move { Answer::of(service.oneshot(request).await.unwrap().map(Body::new)).await }
    };
    assert_eq!(post("one").await.is(Outcome::Miss).text(), "one");
    assert_eq!(post("two").await.is(Outcome::Miss).text(), "two");
    assert_eq!(post("one").await.is(Outcome::Hit).text(), "one");
    assert_eq!(post("").await.is(Outcome::Miss).text(), "");
    let get = service
        .clone()
        .oneshot(get("/"))
        .await
        .unwrap()
        .map(Body::new);
    Answer::of(get).await.is(Outcome::Miss);
    for _ in 0..2 {
        let large = post("longer than that").await;
        large.is_for(Outcome::Bypass, Why::RequestBody);
        assert_eq!(large.text(), "longer than that");
    }
}

pub(crate) async fn a_request_with_a_body_passes_the_cache_by(setup: Setup) {
    let site = echo(&setup, minute()).await;
    for _ in 0..2 {
        let request = request("GET", "/", &[]).map(|_| Body::from("body"));
        site.send(request)
            .await
            .is_for(Outcome::Bypass, Why::RequestBody);
    }
}

/// The values of each name, in order: what a form says.
fn meaning(pairs: &[(String, String)]) -> BTreeMap<&str, Vec<&str>> {
    let mut meaning: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in pairs {
        meaning.entry(name).or_default().push(value);
    }
    meaning
}

fn uri(pairs: &[(String, String)], escaped: bool) -> String {
    let text = |text: &str| match escaped {
        true => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        false => text.to_owned(),
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", text(name), text(value)));
    format!("/?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// Two queries have one page exactly if they mean the same.
#[test]
fn queries_have_one_page_exactly_if_they_mean_the_same() {
    let pairs = || proptest::collection::vec(("[ab]", "[ab]{0,1}"), 0..4);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runner.run(
        &(pairs(), pairs(), any::<bool>(), any::<bool>()),
        |(one, other, escape_one, escape_other)| {
            runtime.block_on(async {
                let setup = Setup::embedded("").await.unwrap();
                let site = echo(&setup, minute()).await;
                site.get(&uri(&one, escape_one)).await.is(Outcome::Miss);
                let second = site.get(&uri(&other, escape_other)).await.outcome();
                let same = meaning(&one) == meaning(&other);
                prop_assert_eq!(second == Outcome::Hit, same);
                Ok(())
            })
        },
    );
    outcome.unwrap();
}
