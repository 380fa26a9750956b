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
#[path = "parity/typed.rs"]
mod typed;

use std::sync::Arc;

use larder::{EmbeddedStore, Store};
use larder_testkit::generate::Dice;
use larder_testkit::{ManualClock, ReferenceStore};

/// A store that is compared.
struct Contender {
    name: &'static str,
    store: Store,
    /// Takes what is pending into the index, where there is such a thing.
    flush: Option<EmbeddedStore>,
}

/// Fresh stores that show the time of `clock`: the reference, and all that have to agree with
/// it. A further store is one more entry.
fn contenders(clock: &ManualClock, flush_at: usize) -> Vec<Contender> {
    let embedded = EmbeddedStore::builder()
        .clock(clock.clone())
        .flush_at(flush_at)
        .build()
        .unwrap();
    vec![
        Contender {
            name: "reference",
            store: Arc::new(ReferenceStore::new(clock.clone())),
            flush: None,
        },
        Contender {
            name: "embedded",
            store: Arc::new(embedded.clone()),
            flush: Some(embedded),
        },
    ]
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

#[tokio::test]
async fn every_store_answers_what_the_reference_answers() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap())
    };
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
    println!("cases: {cases}, differences: {differences}");
    assert_eq!(differences, 0);
    assert!(
        telling * 4 >= cases,
        "filters match too seldom to tell much"
    );
}
