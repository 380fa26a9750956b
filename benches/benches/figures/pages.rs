//! G17: a page from the page cache against the same page made anew, and against
//! axum-response-cache: in process, and over sockets.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::routing::get;
use axum_response_cache::CacheLayer;
use http_body_util::BodyExt as _;
use larder::http::{PageCache, Rule};
use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, User};
use larder_benches::timing::{Ratio, in_turns, time};
use tower::ServiceExt as _;

use crate::args::Scale;
use crate::report::{Goal, Row, Unit};
use crate::sockets::{CLIENTS, Client, serve};
use crate::{Failure, Rows};

/// How many pages there are.
const PAGES: u32 = 50;
const LIFETIME: Duration = Duration::from_secs(3_600);

/// A list of users as a page of some 2 KB, out of an embedded store.
async fn list(State(users): State<Cache<User>>, Path(page): Path<u32>) -> String {
    let found = users
        .find(|user| user.age.ge(30))
        .sort(|user| user.joined.desc())
        .page(page as usize, 20)
        .fetch()
        .await;
    let mut html = String::from("<!doctype html><title>Users</title><ul>");
    for user in found.map(|found| found.items).unwrap_or_default() {
        html += &format!(
            "<li><a href=\"/users/{}\">{}</a> of {}, {}</li>",
            user.id, user.id, user.city, user.age
        );
    }
    html + "</ul>"
}

pub(crate) fn measure(scale: &Scale) -> Rows {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = EmbeddedStore::builder().build()?;
    let users = data::load(&store, 1, scale.objects)?;
    let plain = Router::new()
        .route("/users/{page}", get(list))
        .with_state(users);
    let rule = Rule::new().ttl(LIFETIME);
    let pages = PageCache::builder(store).otherwise(rule).build();
    let pages = runtime.block_on(pages)?;
    let ours = plain.clone().layer(pages.layer());
    let theirs = plain.clone().layer(CacheLayer::with_lifespan(LIFETIME));
    let ask = |site: &Router, page: u32| -> Result<usize, Failure> {
        runtime.block_on(async {
            let uri = format!("/users/{}", page % PAGES + 1);
            let request = Request::get(uri).body(Body::empty())?;
            let response = site.clone().oneshot(request).await?;
            Ok(response.into_body().collect().await?.to_bytes().len())
        })
    };
    for page in 0..PAGES {
        let lengths = [&plain, &ours, &theirs].map(|site| ask(site, page));
        let [plain, ours, theirs] = lengths;
        let length = plain?;
        assert!(length > 1_000 && ours? == length && theirs? == length);
    }
    let asked = (scale.gets / 20).max(500);
    let run = |site: &Router, asked: usize| {
        time(|| (0..asked as u32).for_each(|page| drop(ask(site, page))))
    };
    let hit = in_turns(
        scale.rounds,
        asked,
        |_| run(&ours, asked),
        |_| run(&theirs, asked),
    );
    let few = (asked / 10).max(100);
    let made = in_turns(scale.rounds, few, |_| run(&ours, few), |_| run(&plain, few));
    let row = |what: &str, ratio: Ratio, goal| {
        Row::ratio(
            what.to_owned(),
            ratio.ratio,
            goal,
            (ratio.first, ratio.second),
        )
    };
    let mut rows = vec![
        row("page hit / axum-response-cache", hit, Goal::AtMost(1.0)),
        row("page hit / page made anew", made, Goal::AtMost(1.0)),
    ];
    rows.extend(over_sockets(scale, [plain, ours, theirs])?);
    Ok(rows)
}

/// Requests a second, the server's side of a socket and the clients' on the same machine.
fn over_sockets(scale: &Scale, sites: [Router; 3]) -> Rows {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .build()?;
    let requests: Vec<String> = (1..=PAGES)
        .map(|page| format!("GET /users/{page} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .collect();
    let mut clients = Vec::new();
    for site in sites {
        let address = serve(&runtime, site)?;
        let connected: Result<Vec<Client>, _> = (0..CLIENTS).map(|_| Client::of(address)).collect();
        clients.push(connected?);
    }
    let [plain, ours, theirs] = clients.as_mut_slice() else {
        return Err("three sites were served".into());
    };
    let run = |clients: &mut [Client], each: usize| {
        time(|| {
            std::thread::scope(|scope| {
                for client in clients {
                    let requests = requests.iter().cycle().take(each);
                    scope.spawn(move || {
                        for request in requests {
                            let length = client.ask(request.as_bytes());
                            assert!(length.is_ok_and(|length| length > 1_000), "a page");
                        }
                    });
                }
            });
        })
    };
    let each = (scale.gets / 200).max(100);
    let asked = each * CLIENTS;
    let hit = in_turns(
        scale.rounds,
        asked,
        |_| run(ours, each),
        |_| run(theirs, each),
    );
    let few = (each / 20).max(20);
    let made = in_turns(
        scale.rounds,
        few * CLIENTS,
        |_| run(ours, few),
        |_| run(plain, few),
    );
    let row = |what: &str, ratio: Ratio| {
        let a_second = |nanos: f64| 1e9 / nanos;
        let (first, second) = (a_second(ratio.first), a_second(ratio.second));
        // Of requests a second, so that more is better.
        let note = format!("{first:.0} / {second:.0} requests a second");
        Row::new(
            what,
            1.0 / ratio.ratio,
            Unit::Times,
            Goal::AtLeast(1.0),
            note,
        )
    };
    Ok(vec![
        row("requests a second, hits / axum-response-cache", hit),
        row("requests a second, hits / without the layer", made),
    ])
}
