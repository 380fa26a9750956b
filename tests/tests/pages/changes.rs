//! What ends a page before its time: writes to what it was made from, requests, and by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use larder::http::{Outcome, PageTags, Rule, Why};
use larder::{Cache, CacheModel, Policy};
use larder_core::deps;
use serde::{Deserialize, Serialize};

use crate::site::{Setup, Site, minute, numbered, page, request};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "person")]
struct Person {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    name: String,
    #[cache(index)]
    team: u32,
}

fn person(id: u64, name: &str, team: u32) -> Person {
    let name = name.to_owned();
    Person { id, name, team }
}

/// A site that shows people: `/{id}` one of them, `/team/{team}` a list of a team.
async fn people(setup: &Setup, rule: Rule) -> (Site, Cache<Person>) {
    let people = Cache::<Person>::builder(Arc::clone(&setup.store));
    let people = people.build().await.unwrap();
    let all = [
        person(1, "Ann", 7),
        person(2, "Bob", 7),
        person(3, "Cid", 8),
    ];
    people.put_many(all).await.unwrap();
    let read = people.clone();
    let site = setup.async_site(rule, move |request: Request| {
        let people = read.clone();
        async move {
            let path = request.uri().path().to_owned();
            let number = path.rsplit('/').next().unwrap().parse::<u64>().unwrap();
            if path.starts_with("/team/") {
                let team = people.find(|p| p.team.eq(number as u32));
                let team = team.sort(|p| p.name.asc()).fetch().await.unwrap();
                let names: Vec<&str> = team.items.iter().map(|p| &*p.name).collect();
                return page(names.join(" "), &[]);
            }
            if path.starts_with("/opaque/") {
                deps::opaque("it was read from a file");
            }
            let person = people.get(&number).await.unwrap();
            page(person.map_or("nobody".to_owned(), |p| p.name.clone()), &[])
        }
    });
    (site.await, people)
}

pub(crate) async fn a_page_ends_when_a_row_of_it_is_written(setup: Setup) {
    let (site, people) = people(&setup, Rule::new()).await;
    let first = site.get("/1").await;
    assert_eq!(first.is(Outcome::Miss).text(), "Ann");
    let said = "fwd=uri-miss; fwd-status=200; stored";
    assert!(first.cache_status().starts_with(said));
    let hit = site.get("/1").await;
    assert_eq!(hit.is(Outcome::Hit).text(), "Ann");
    let report = hit.report.unwrap();
    assert_eq!(*report.dependencies, ["person 1"]);
    // On a store that programs share it is told anew who reads what, once a day.
    let day = Duration::from_secs(86_400);
    assert!(report.ttl.is_none_or(|ttl| ttl <= day));
    people.put(person(2, "Rob", 7)).await.unwrap();
    site.get("/1").await.is(Outcome::Hit);
    people.put(person(1, "Eve", 7)).await.unwrap();
    assert_eq!(site.get("/1").await.is(Outcome::Miss).text(), "Eve");
    people.remove(&1).await.unwrap();
    assert_eq!(site.get("/1").await.is(Outcome::Miss).text(), "nobody");
    site.get("/1").await.is(Outcome::Hit);
    people.put(person(1, "Ann", 7)).await.unwrap();
    assert_eq!(site.get("/1").await.is(Outcome::Miss).text(), "Ann");
}

pub(crate) async fn a_list_ends_when_a_row_comes_or_goes(setup: Setup) {
    let (site, people) = people(&setup, Rule::new()).await;
    assert_eq!(
        site.get("/team/7").await.is(Outcome::Miss).text(),
        "Ann Bob"
    );
    site.get("/team/7").await.is(Outcome::Hit);
    people.put(person(3, "Cid", 7)).await.unwrap();
    assert_eq!(
        site.get("/team/7").await.is(Outcome::Miss).text(),
        "Ann Bob Cid"
    );
    people.put(person(1, "Ann", 9)).await.unwrap();
    assert_eq!(
        site.get("/team/7").await.is(Outcome::Miss).text(),
        "Bob Cid"
    );
    assert_eq!(site.get("/team/7").await.is(Outcome::Hit).text(), "Bob Cid");
}

pub(crate) async fn a_page_with_a_lifetime_ends_when_it_is_written_too(setup: Setup) {
    let (site, people) = people(&setup, minute()).await;
    site.get("/1").await.is(Outcome::Miss);
    people.put(person(1, "Eve", 7)).await.unwrap();
    assert_eq!(site.get("/1").await.is(Outcome::Miss).text(), "Eve");
    site.clock.advance(Duration::from_secs(60));
    site.get("/1").await.is(Outcome::Miss);
}

pub(crate) async fn a_page_of_which_not_all_is_known_lives_by_time_alone(setup: Setup) {
    let (site, _) = people(&setup, Rule::new()).await;
    site.get("/opaque/1")
        .await
        .is_for(Outcome::Uncacheable, Why::NoLifetime);
    let (site, _) = people(&setup, minute()).await;
    site.pages.clear().await.unwrap();
    site.get("/opaque/1").await.is(Outcome::Miss);
    let hit = site.get("/opaque/1").await;
    let report = hit.is(Outcome::Hit).report.as_ref().unwrap();
    assert_eq!(report.untracked.as_deref(), Some("it was read from a file"));
    assert_eq!(report.ttl, Some(Duration::from_secs(60)));
}

pub(crate) async fn a_page_that_was_overtaken_is_served_and_not_stored(setup: Setup) {
    let people = Cache::<Person>::builder(Arc::clone(&setup.store));
    let people = people.build().await.unwrap();
    let read = people.clone();
    let calls = Arc::new(AtomicU64::new(0));
    let site = setup.async_site(minute(), move |_| {
        let (people, calls) = (read.clone(), Arc::clone(&calls));
        async move {
            let person = people.get(&1).await.unwrap();
            if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                // Behind its back: after it was read, and before the page is stored.
                let writer = people.clone();
                let write = tokio::spawn(async move { writer.put(person_of(1)).await });
                write.await.unwrap().unwrap();
            }
            page(format!("{:?}", person.map(|p| p.name.clone())), &[])
        }
    });
    let site = site.await;
    assert_eq!(site.get("/").await.text(), "None");
    assert_eq!(site.get("/").await.is(Outcome::Miss).text(), "Some(\"p1\")");
    site.get("/").await.is(Outcome::Hit);
}

fn person_of(id: u64) -> Person {
    person(id, &format!("p{id}"), 1)
}

pub(crate) async fn a_page_ends_by_its_tags(setup: Setup) {
    let site = setup.site(minute(), |request| {
        let path = request.uri().path().to_owned();
        deps::tag(format!("by-scope:{path}"));
        let mut response = page(path.clone(), &[]);
        response
            .extensions_mut()
            .insert(PageTags::new([format!("by-hand:{path}")]));
        response
    });
    let site = site.await;
    for tag in ["by-hand:/a", "by-scope:/a"] {
        site.get("/a").await.is(Outcome::Miss);
        site.get("/b").await;
        assert_eq!(site.pages.remove_tagged([tag]).await.unwrap(), 1, "{tag}");
        site.get("/b").await.is(Outcome::Hit);
    }
}

pub(crate) async fn a_path_is_removed_with_all_its_queries_and_variants(setup: Setup) {
    let site = setup.site(minute(), |_| page("p", &[("vary", "x")])).await;
    for uri in ["/a?x=1", "/a?x=2", "/a", "/b"] {
        site.get(uri).await.is(Outcome::Miss);
    }
    site.send(request("GET", "/a", &[("x", "1")]))
        .await
        .is(Outcome::Miss);
    assert_eq!(site.pages.remove_path("/a").await.unwrap(), 4);
    site.get("/a").await.is(Outcome::Miss);
    site.get("/b").await.is(Outcome::Hit);
}

pub(crate) async fn a_request_that_changes_something_ends_the_page(setup: Setup) {
    let number = numbered();
    let site = setup.site(minute(), move |request: Request| {
        let status: u16 = request.uri().query().unwrap_or("200").parse().unwrap();
        let mut response = number(request);
        *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap();
        let location = "/list".parse().unwrap();
        response.headers_mut().insert("location", location);
        response
    });
    let site = site.await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
        for (status, ends) in [
            (200, true),
            (204, true),
            (303, true),
            (400, false),
            (500, false),
        ] {
            site.get("/").await;
            site.get("/list").await;
            let uri = format!("/?{status}");
            let answer = site.send(request(method, &uri, &[])).await;
            answer.is_for(Outcome::Bypass, Why::Method);
            let outcome = if ends { Outcome::Miss } else { Outcome::Hit };
            assert_eq!(site.get("/").await.outcome(), outcome, "{method} {status}");
            assert_eq!(
                site.get("/list").await.outcome(),
                outcome,
                "{method} {status}"
            );
        }
    }
}

pub(crate) async fn a_location_on_this_host_ends_its_page(setup: Setup) {
    let site = setup.site(minute(), |request: Request| {
        let location = request.uri().query().unwrap_or("/").to_owned();
        page("p", &[("location", &location)])
    });
    let site = site.await;
    let at = |method, uri: &str| request(method, uri, &[("host", "a.example:81")]);
    for (location, ends) in [
        ("http://a.example:81/list", true),
        ("https://A.EXAMPLE/list", true),
        ("http://b.example/list", false),
    ] {
        site.send(at("GET", "/list")).await;
        site.send(at("POST", &format!("/?{location}"))).await;
        let outcome = if ends { Outcome::Miss } else { Outcome::Hit };
        let answer = site.send(at("GET", "/list")).await;
        assert_eq!(answer.outcome(), outcome, "{location}");
    }
    assert_eq!(site.pages.stats().failed_removals, 0);
}

/// What its handler did before, nobody knows.
pub(crate) async fn a_request_whose_client_has_gone_ends_the_page(setup: Setup) {
    let called = Arc::new(tokio::sync::Notify::new());
    let notify = Arc::clone(&called);
    let site = setup.async_site(minute(), move |request: Request| {
        let notify = Arc::clone(&notify);
        async move {
            if request.method() == "POST" {
                notify.notify_one();
                std::future::pending::<()>().await;
            }
            page("p", &[])
        }
    });
    let site = site.await;
    site.get("/").await.is(Outcome::Miss);
    let asking = site.clone();
    let gone = tokio::spawn(async move { asking.send(request("POST", "/", &[])).await });
    called.notified().await;
    gone.abort();
    gone.await.unwrap_err();
    // It is removed in a task of its own, sooner or later.
    while site.get("/").await.outcome() == Outcome::Hit {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn a_view_is_made_once_and_ends_with_what_it_read(setup: Setup) {
    let (site, people) = people(&setup, Rule::new()).await;
    let calls = Arc::new(AtomicU64::new(0));
    let policy = Policy::builder()
        .ttl(Duration::from_secs(60))
        .build()
        .unwrap();
    let view = || {
        let (people, calls) = (people.clone(), Arc::clone(&calls));
        site.pages.view("first", &policy, move || async move {
            calls.fetch_add(1, Ordering::SeqCst);
            let person = people.get(&1).await?;
            Ok::<_, larder::Error>(person.map_or(String::new(), |p| p.name.clone()))
        })
    };
    for _ in 0..2 {
        assert_eq!(view().await.unwrap(), "Ann");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    people.put(person(1, "Eve", 7)).await.unwrap();
    assert_eq!(view().await.unwrap(), "Eve");
    assert!(site.pages.remove_view("first").await.unwrap());
    assert_eq!(view().await.unwrap(), "Eve");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

pub(crate) async fn a_page_ends_with_the_view_in_it(setup: Setup) {
    let people = Cache::<Person>::builder(Arc::clone(&setup.store));
    let people = people.build().await.unwrap();
    people.put(person(1, "Ann", 7)).await.unwrap();
    let pages = setup.pages().otherwise(Rule::new()).build().await.unwrap();
    let (read, views) = (people.clone(), pages.clone());
    let site = Site::new(pages, setup.clock.clone(), move |_| {
        let (people, pages) = (read.clone(), views.clone());
        async move {
            let policy = Policy::default();
            let view = pages.view("first", &policy, move || async move {
                let person = people.get(&1).await?;
                Ok::<_, larder::Error>(person.map_or(String::new(), |p| p.name.clone()))
            });
            page(view.await.unwrap(), &[])
        }
    });
    // Made with the view, and from the view that is there.
    for _ in 0..2 {
        assert_eq!(site.get("/").await.is(Outcome::Miss).text(), "Ann");
        site.get("/").await.is(Outcome::Hit);
        site.pages.remove_path("/").await.unwrap();
    }
    site.get("/").await.is(Outcome::Miss);
    people.put(person(1, "Eve", 7)).await.unwrap();
    assert_eq!(site.get("/").await.is(Outcome::Miss).text(), "Eve");
}

/// Two programs on one store, each with its own caches.
pub(crate) async fn a_write_in_another_program_ends_the_page(setup: Setup) {
    let other = setup.another().await;
    let (site, _) = people(&setup, Rule::new()).await;
    let theirs = Cache::<Person>::builder(other).build().await.unwrap();
    assert_eq!(site.get("/1").await.is(Outcome::Miss).text(), "Ann");
    assert_eq!(
        site.get("/team/7").await.is(Outcome::Miss).text(),
        "Ann Bob"
    );
    theirs.put(person(1, "Eve", 7)).await.unwrap();
    assert_eq!(site.get("/1").await.is(Outcome::Miss).text(), "Eve");
    assert_eq!(
        site.get("/team/7").await.is(Outcome::Miss).text(),
        "Bob Eve"
    );
    site.get("/1").await.is(Outcome::Hit);
}
