//! G17: a page from the page cache against the same page made anew, and against
//! axum-response-cache.

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
use crate::report::{Goal, Row};
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
    Ok(vec![
        row("page hit / axum-response-cache", hit, Goal::AtMost(1.0)),
        row("page hit / page made anew", made, Goal::AtMost(1.0)),
    ])
}
