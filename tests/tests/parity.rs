//! The differential test: every store answers what the reference answers, on random models,
//! objects, filters, orders and pages, with writes, removals, expiries and flushes between.
//!
//! `LARDER_CASES` sets how many answers are compared, `LARDER_SEED` replays a run. The run is
//! made of worlds: one model, its objects, some hundred questions. World number n of a run has
//! the seed of the run plus n, so that a difference is replayed by the seed of its world.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the run reports what it compared")]

#[path = "parity/generated.rs"]
mod generated;
#[path = "parity/hostile.rs"]
mod hostile;
#[path = "parity/typed.rs"]
mod typed;

use std::sync::Arc;

use std::sync::atomic::{AtomicU64, Ordering};

use larder::redis::RedisBuilder;
use larder::{EmbeddedStore, Store};
use larder_testkit::generate::Dice;
use larder_testkit::server::{Kind, Server, offline, shared};
use larder_testkit::{ManualClock, ReferenceStore};

/// A store that is compared.
struct Contender {
    name: &'static str,
    store: Store,
    /// Takes what is pending into the index, where there is such a thing.
    flush: Option<EmbeddedStore>,
    /// The server that it is on, and the tag of its namespace.
    server: Option<(&'static Server, String)>,
}

impl Contender {
    /// Closes the store and leaves nothing on its server.
    async fn close(&self) {
        self.store.close().await.unwrap();
        let Some((server, tag)) = &self.server else {
            return;
        };
        for index in server.command(&["FT._LIST"]).elements() {
            let index = index.text();
            if index.starts_with(tag.as_str()) {
                server.command(&["FT.DROPINDEX", &index, "DD"]);
            }
        }
    }
}

/// Fresh stores that show the time of `clock`: the reference, and all that have to agree with
/// it. A further store is one more entry.
async fn contenders(clock: &ManualClock, flush_at: usize) -> Vec<Contender> {
    let embedded = EmbeddedStore::builder()
        .clock(clock.clone())
        .flush_at(flush_at)
        .build()
        .unwrap();
    let mut contenders = vec![
        Contender {
            name: "reference",
            store: Arc::new(ReferenceStore::new(clock.clone())),
            flush: None,
            server: None,
        },
        Contender {
            name: "embedded",
            store: Arc::new(embedded.clone()),
            flush: Some(embedded),
            server: None,
        },
    ];
    if !is_offline() {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("parity-{}-{number}", std::process::id());
        let server = shared(Kind::RedisSearch);
        let store = RedisBuilder::from_url(&server.url())
            .unwrap()
            .namespace(&namespace)
            .clock(clock.clone())
            .connect();
        contenders.push(Contender {
            name: "redis",
            store: store.await.unwrap().into(),
            flush: None,
            server: Some((server, format!("{{{namespace}}}"))),
        });
    }
    contenders
}

/// Whether Redis is left out, which is said once.
fn is_offline() -> bool {
    static OFFLINE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *OFFLINE.get_or_init(|| offline("the Redis store in the comparison with the reference"))
}

/// After how many pending writes an index takes them in.
fn flush_at(dice: &mut Dice) -> usize {
    dice.pick(&[1, 7, 100, 100_000])
}

/// What was compared so far.
#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    wanted: u64,
    /// Of the cases, those whose answer held something.
    telling: u64,
    differences: u64,
}

impl Tally {
    fn is_done(&self) -> bool {
        self.cases >= self.wanted || self.differences >= 10
    }

    fn count(&mut self, telling: bool) {
        self.cases += 1;
        self.telling += u64::from(telling);
    }

    /// Reports a difference, with how to see it again.
    fn differ(&mut self, seed: u64, begun_at: u64, what: &str) {
        self.differences += 1;
        let cases = self.cases - begun_at + 1;
        println!(
            "difference {}:\n{what}\n  replay: LARDER_SEED={seed} LARDER_CASES={cases} cargo test -p larder-tests --test parity -- --nocapture\n",
            self.differences
        );
    }
}

/// The number in an environment variable.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test]
async fn every_store_answers_what_the_reference_answers() {
    let seed = number("LARDER_SEED", rand::random());
    println!("seed: {seed} (replay with LARDER_SEED={seed})");
    let mut tally = Tally {
        wanted: number("LARDER_CASES", 3_000),
        ..Tally::default()
    };
    let mut worlds = 0;
    while !tally.is_done() {
        let world = seed.wrapping_add(worlds);
        // The kind of a world hangs on its seed alone, or a replay would see another.
        if Dice::new(world).chance(25) {
            typed::world(world, &mut tally).await;
        } else {
            generated::world(world, &mut tally).await;
        }
        worlds += 1;
    }
    let Tally {
        cases,
        telling,
        differences,
        ..
    } = tally;
    println!("worlds: {worlds}, answers that held something: {telling}");
    let stores = if is_offline() {
        "reference embedded"
    } else {
        "reference embedded redis"
    };
    println!("cases: {cases}, stores: {stores}, differences: {differences}");
    assert_eq!(differences, 0);
    // A replay of a few cases may be of any kind.
    assert!(
        cases < 1_000 || telling * 3 >= cases,
        "filters match too seldom to tell much"
    );
}

/// `LARDER_STRINGS` sets how many hostile strings are asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_strings_are_data_on_every_store() {
    let seed = number("LARDER_SEED", rand::random());
    let outcome = hostile::run(seed, number("LARDER_STRINGS", 5_000)).await;
    for wrong in &outcome.wrong {
        println!("{wrong}");
    }
    println!(
        "hostile strings: {}, questions: {}, of them refused by the front: {}, answered with rows: {}, wrong or failed: {}, seed: {seed}",
        outcome.strings,
        outcome.questions,
        outcome.refused,
        outcome.answered,
        outcome.wrong.len()
    );
    assert_eq!(outcome.wrong.len(), 0);
    assert!(
        outcome.answered * 5 > outcome.questions,
        "too few found anything"
    );
}
