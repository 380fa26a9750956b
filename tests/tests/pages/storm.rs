//! No stale page: clients read pages while editors write rows, and each page that is served has to
//! be one that could have been made between the beginning and the end of its request.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::routing::get;
use http_body_util::BodyExt as _;
use larder::http::{Outcome, PageCache, PageReport, Rule};
use larder::{Cache, CacheModel, EmbeddedStore, FillContext, Policy, RowChange, Store, codec};
use larder_core::SystemClock;
use larder_testkit::EncodedStore;
use larder_testkit::generate::Dice;
use larder_testkit::server::{Kind, offline, shared};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;

const ROWS: u64 = 12;
const TEAMS: u64 = 3;
const CLIENTS: u64 = 4;
const EDITORS: u64 = 2;

/// Rows from here on are put and removed by their versions; those before are removed without one. Not
/// both: a put that is late knows nothing of a removal that had no version.
const VERSIONED: u64 = ROWS / 2;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "stormy")]
struct Card {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    team: u64,
    #[cache(index, sort)]
    version: u64,
}

/// What a row is in its version; some are not there.
fn card(id: u64, version: u64) -> Option<Card> {
    let team = (version / 2 + id) % TEAMS;
    (!version.is_multiple_of(7)).then_some(Card { id, team, version })
}

/// The rows, and when each version of them came and was told to the caches: by a clock that ticks
/// with each event.
#[derive(Debug, Default)]
struct Source {
    clock: AtomicU64,
    rows: Vec<Mutex<Vec<Version>>>,
}

/// From when on a version may be seen, and from when on nothing older may.
#[derive(Clone, Copy, Debug)]
struct Version {
    begun: u64,
    ended: u64,
}

impl Source {
    fn new() -> Arc<Self> {
        let first = Version { begun: 0, ended: 0 };
        let rows = (0..ROWS).map(|_| Mutex::new(vec![first]));
        Arc::new(Self {
            clock: AtomicU64::new(1),
            rows: rows.collect(),
        })
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Versions count from 1.
    fn version(&self, id: u64) -> u64 {
        self.rows[id as usize].lock().len() as u64
    }

    /// Those of all rows at one moment.
    fn versions(&self) -> Vec<u64> {
        let rows: Vec<_> = self.rows.iter().map(Mutex::lock).collect();
        rows.iter().map(|versions| versions.len() as u64).collect()
    }

    fn change(&self, id: u64) -> u64 {
        let mut versions = self.rows[id as usize].lock();
        let begun = self.tick();
        versions.push(Version {
            begun,
            ended: u64::MAX,
        });
        versions.len() as u64
    }

    fn told(&self, id: u64, version: u64) {
        let mut versions = self.rows[id as usize].lock();
        versions[version as usize - 1].ended = self.tick();
    }

    /// The versions of a row that may be seen at a moment.
    fn possible(&self, id: u64, at: u64) -> Vec<u64> {
        let versions = self.rows[id as usize].lock();
        let mut possible = Vec::new();
        for (place, version) in versions.iter().enumerate().rev() {
            if version.begun <= at {
                possible.push(place as u64 + 1);
            }
            if version.ended <= at {
                break;
            }
        }
        possible
    }
}

/// One program: its caches and its site.
#[derive(Clone)]
struct Program {
    source: Arc<Source>,
    cards: Cache<Card>,
    pages: PageCache,
    /// Whether handlers read where nobody takes it down: what this test is to find out.
    is_naive: bool,
}

impl Program {
    async fn new(store: Store, source: &Arc<Source>, is_naive: bool) -> Self {
        let pages = PageCache::builder(Arc::clone(&store));
        let rule = Rule::new().ttl(Duration::from_secs(600));
        Self {
            source: Arc::clone(source),
            cards: Cache::builder(store).build().await.unwrap(),
            pages: pages.otherwise(rule).build().await.unwrap(),
            is_naive,
        }
    }

    fn site(&self) -> Router {
        Router::new()
            .route("/row/{id}", get(row))
            .route("/team/{team}", get(team))
            .route("/home", get(home))
            .layer(self.pages.layer())
            .with_state(self.clone())
    }

    async fn row(&self, id: u64) -> String {
        let source = Arc::clone(&self.source);
        let load = move |id: u64, fill: FillContext<Card>| async move {
            let version = source.version(id);
            tokio::task::yield_now().await;
            fill.set_version(version);
            Ok::<_, Infallible>(card(id, version))
        };
        let policy = Policy::default();
        let found = self.cards.get_or_load_with(&id, &policy, load);
        match found.await.unwrap() {
            Some(card) => format!("row {id} {}\n", card.version),
            None => format!("row {id} none\n"),
        }
    }

    async fn team(&self, team: u64) -> String {
        let source = Arc::clone(&self.source);
        let load = move |fill: FillContext<Card>| async move {
            fill.version_by(|card| card.version);
            let mut cards = Vec::new();
            for (id, version) in (0..).zip(source.versions()) {
                cards.extend(card(id, version).filter(|card| card.team == team));
            }
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(cards)
        };
        let find = self.cards.find(|card| card.team.eq(team));
        let page = find.or_load_with(&Policy::default(), load).await.unwrap();
        let mut line = format!("team {team}");
        for card in &page.items {
            line += &format!(" {}:{}", card.id, card.version);
        }
        line + "\n"
    }

    /// Rendered here, or where nobody takes down what it reads.
    async fn rendered(&self, work: impl Future<Output = String> + Send + 'static) -> String {
        match self.is_naive {
            true => tokio::spawn(work).await.unwrap(),
            false => work.await,
        }
    }
}

async fn row(State(program): State<Program>, Path(id): Path<u64>) -> String {
    let here = program.clone();
    program.rendered(async move { here.row(id).await }).await
}

async fn team(State(program): State<Program>, Path(team): Path<u64>) -> String {
    let here = program.clone();
    let work = async move { here.team(team).await };
    program.rendered(work).await
}

/// A page with a fragment that is cached by itself.
async fn home(State(program): State<Program>) -> String {
    let here = program.clone();
    let work = async move {
        let inner = here.clone();
        let policy = Policy::builder().ttl(Duration::from_secs(600));
        let policy = policy.build().unwrap();
        let render = || async move { Ok::<_, Infallible>(inner.team(0).await) };
        let fragment = here.pages.view("team 0", &policy, render).await.unwrap();
        let fragment = String::from_utf8(fragment.to_vec()).unwrap();
        fragment + &here.row(0).await
    };
    program.rendered(work).await
}

/// What a run saw.
#[derive(Debug, Default)]
struct Seen {
    operations: AtomicU64,
    pages: AtomicU64,
    hits: AtomicU64,
    stale: AtomicU64,
}

struct Storm {
    source: Arc<Source>,
    programs: Vec<Program>,
    seen: Seen,
}

impl Storm {
    async fn rage(self, operations: u64, seed: u64) -> Seen {
        let storm = Arc::new(self);
        let each = operations / (CLIENTS + EDITORS);
        let task = |number: u64| {
            let storm = Arc::clone(&storm);
            tokio::spawn(async move {
                let mut dice = Dice::new(seed ^ (number << 32));
                let place = number as usize % storm.programs.len();
                let program = storm.programs[place].clone();
                let site = program.site();
                for _ in 0..each {
                    match number < CLIENTS {
                        true => storm.read(&mut dice, &site).await,
                        false => storm.edit(&mut dice, &program.cards).await,
                    }
                    storm.seen.operations.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks: Vec<_> = (0..CLIENTS + EDITORS).map(task).collect();
        for task in tasks {
            task.await.unwrap();
        }
        // What is left now stays.
        for program in &storm.programs {
            let site = program.site();
            for uri in uris() {
                storm.visit(&site, uri).await;
            }
        }
        Arc::into_inner(storm).expect("all tasks have ended").seen
    }

    async fn read(&self, dice: &mut Dice, site: &Router) {
        let uris = uris();
        let uri = uris[dice.below(uris.len())].clone();
        self.visit(site, uri).await;
    }

    async fn visit(&self, site: &Router, uri: String) {
        let start = self.source.tick();
        let request = Request::builder().uri(&uri).body(Body::empty()).unwrap();
        let response = site.clone().oneshot(request).await.unwrap();
        let report = response.extensions().get::<PageReport>().cloned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let end = self.source.tick();
        let hit = report.is_some_and(|report| report.outcome == Outcome::Hit);
        self.seen.pages.fetch_add(1, Ordering::Relaxed);
        self.seen.hits.fetch_add(u64::from(hit), Ordering::Relaxed);
        let body = String::from_utf8(body.to_vec()).unwrap();
        let right = body.lines().all(|line| self.is_right(line, start, end));
        if !right && self.seen.stale.fetch_add(1, Ordering::Relaxed) < 5 {
            println!("stale: {uri} from {start} to {end}, a hit: {hit}: {body}");
        }
    }

    /// Whether a part of a page was right at some moment of a time.
    fn is_right(&self, line: &str, start: u64, end: u64) -> bool {
        let mut words = line.split(' ');
        let kind = words.next().expect("a kind");
        let number: u64 = words.next().expect("a number").parse().expect("a number");
        let rest: Vec<&str> = words.collect();
        if kind == "row" {
            let shown = rest[0].parse::<u64>().ok();
            let fits = |version: u64| match shown {
                Some(shown) => version == shown,
                None => card(number, version).is_none(),
            };
            return (start..=end).any(|at| self.source.possible(number, at).into_iter().any(fits));
        }
        let shown: Vec<(u64, u64)> = rest
            .iter()
            .map(|pair| {
                let (id, version) = pair.split_once(':').expect("an id and a version");
                (id.parse().expect("an id"), version.parse().expect("one"))
            })
            .collect();
        let fits = |id: u64, version: u64| {
            let is_shown = shown.iter().find(|(shown, _)| *shown == id);
            match is_shown {
                Some((_, shown)) => version == *shown,
                None => card(id, version).is_none_or(|card| card.team != number),
            }
        };
        // All rows at one moment.
        (start..=end).any(|at| {
            (0..ROWS).all(|id| {
                let possible = self.source.possible(id, at);
                possible.into_iter().any(|version| fits(id, version))
            })
        })
    }

    /// Changes a row in the source, and tells the cache.
    async fn edit(&self, dice: &mut Dice, cards: &Cache<Card>) {
        let id = dice.below(ROWS as usize) as u64;
        let version = self.source.change(id);
        let card = card(id, version);
        let ways = if id < VERSIONED { 4 } else { 1 };
        match (dice.below(ways), card) {
            (0, card) if id >= VERSIONED => match card {
                Some(card) => drop(cards.put_if_newer(card, version).await.unwrap()),
                None => drop(cards.remove_if_newer(&id, version).await.unwrap()),
            },
            (0, Some(card)) => drop(cards.changed([RowChange::saved(card)]).await.unwrap()),
            (0 | 1, _) => drop(cards.changed([RowChange::of(&id)]).await.unwrap()),
            (2, None) => drop(cards.changed([RowChange::deleted(&id)]).await.unwrap()),
            (2, _) => drop(cards.expire(&id).await.unwrap()),
            _ => {
                let gone = cards.invalidate_where(|card| card.version.le(version));
                gone.await.unwrap();
            }
        }
        self.source.told(id, version);
    }
}

fn uris() -> Vec<String> {
    let rows = (0..ROWS).map(|id| format!("/row/{id}"));
    let teams = (0..TEAMS).map(|team| format!("/team/{team}"));
    rows.chain(teams).chain(["/home".to_owned()]).collect()
}

/// How many operations there are, unless `LARDER_PAGE_OPS` says otherwise: few where nothing is
/// optimised.
fn operations() -> u64 {
    let default = match cfg!(debug_assertions) {
        true => 6_000,
        false => 60_000,
    };
    std::env::var("LARDER_PAGE_OPS").map_or(default, |count| count.parse().expect("a number"))
}

async fn storm(name: &str, stores: Vec<Store>, is_naive: bool) -> Seen {
    let source = Source::new();
    let mut programs = Vec::new();
    for store in stores {
        programs.push(Program::new(store, &source, is_naive).await);
    }
    let storm = Storm {
        source,
        programs,
        seen: Seen::default(),
    };
    let seen = storm.rage(operations(), 1).await;
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (done, pages, hits) = (
        count(&seen.operations),
        count(&seen.pages),
        count(&seen.hits),
    );
    println!(
        "{name}: {done} operations; {pages} pages, {hits} of them hits; stale pages: {}",
        count(&seen.stale)
    );
    seen
}

fn assert_right(seen: &Seen) {
    assert_eq!(seen.stale.load(Ordering::Relaxed), 0);
    // Or nothing was shown.
    let (hits, pages) = (&seen.hits, &seen.pages);
    assert!(hits.load(Ordering::Relaxed) * 50 > pages.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_is_stale_on_embedded() {
    let store = EmbeddedStore::builder().build().unwrap();
    assert_right(&storm("embedded", vec![Arc::new(store)], false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_is_stale_in_two_programs_that_share_a_store() {
    let one = EncodedStore::new(SystemClock, codec::Bincode);
    let stores: Vec<Store> = vec![Arc::new(one.another()), Arc::new(one)];
    assert_right(&storm("encoded, 2 instances", stores, false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_is_stale_in_two_programs_on_redis() {
    if offline("no_page_is_stale_in_two_programs_on_redis") {
        return;
    }
    let mut stores: Vec<Store> = Vec::new();
    for _ in 0..2 {
        let builder = larder::redis::RedisBuilder::from_url(&shared(Kind::RedisSearch).url());
        let namespace = format!("storm-{}", std::process::id());
        let builder = builder.unwrap().namespace(namespace);
        let builder = builder.timeout(Duration::from_secs(20));
        stores.push(Arc::new(builder.connect().await.unwrap()));
    }
    assert_right(&storm("redis, 2 instances", stores, false).await);
}

/// The same pages, where nobody takes down what they are made from.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_that_live_by_time_alone_are_found_out() {
    let store = EmbeddedStore::builder().build().unwrap();
    let seen = storm("by time alone", vec![Arc::new(store)], true).await;
    assert_ne!(seen.stale.load(Ordering::Relaxed), 0);
}
