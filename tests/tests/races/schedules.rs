//! The flight table under schedules that Shuttle makes up: the library's very source has to
//! pass all of them, the naive protocol and each mutant has to be found out.

use std::future::Future as _;
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

use crate::model::{Deed, Threat, Verdict, cold, looks, play, unconcerned};
use crate::protocol::{Naive, Protocol, Table};

/// In how many schedules a broken protocol has to be found out.
const PATIENCE: usize = 20_000;

const SEED: u64 = 4;

/// What is raced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    ById,
    Invalidations,
    Batches,
    Cancelled,
    Everything,
    /// Of flights that begin while a write is under way, and what they find in the store.
    Looks,
    /// Callers of a key that nobody knows yet.
    Cold,
    /// An invalidation that means something else.
    Unconcerned,
}

const BY_ID: &[Deed] = &[
    Deed::Load,
    Deed::Load,
    Deed::Put,
    Deed::PutBoth,
    Deed::Remove,
    Deed::Get,
];
const INVALIDATIONS: &[Deed] = &[
    Deed::Load,
    Deed::Load,
    Deed::Load,
    Deed::InvalidateTag,
    Deed::InvalidateWhere,
    Deed::Clear,
    Deed::Get,
];
const BATCHES: &[Deed] = &[
    Deed::Batch,
    Deed::Batch,
    Deed::Load,
    Deed::Put,
    Deed::Remove,
    Deed::InvalidateWhere,
    Deed::Clear,
];
const CANCELLED: &[Deed] = &[
    Deed::Load,
    Deed::LostLoad,
    Deed::LeavingCaller,
    Deed::Put,
    Deed::LostPut,
    Deed::Remove,
    Deed::InvalidateTag,
];
const EVERYTHING: &[Deed] = &[
    Deed::Load,
    Deed::Load,
    Deed::Load,
    Deed::LostLoad,
    Deed::LeavingCaller,
    Deed::Get,
    Deed::Put,
    Deed::LostPut,
    Deed::PutBoth,
    Deed::Remove,
    Deed::InvalidateTag,
    Deed::InvalidateWhere,
    Deed::Clear,
    Deed::Batch,
];

/// The scenarios, and how many schedules each has: half of them at random and half by
/// priorities (PCT, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs",
/// Burckhardt and others, 2010).
const SCENARIOS: [(Scenario, usize); 8] = [
    (Scenario::ById, 20_000),
    (Scenario::Invalidations, 20_000),
    (Scenario::Batches, 20_000),
    (Scenario::Cancelled, 16_000),
    (Scenario::Everything, 16_000),
    (Scenario::Looks, 6_000),
    (Scenario::Cold, 2_000),
    (Scenario::Unconcerned, 2_000),
];

impl Scenario {
    /// One schedule of it.
    fn play<P: Protocol>(self, verdict: &Arc<Verdict>) {
        let drawn = |deeds, tasks| play::<P>(deeds, tasks, 2, verdict);
        match self {
            Self::ById => drawn(BY_ID, 3),
            Self::Invalidations => drawn(INVALIDATIONS, 3),
            Self::Batches => drawn(BATCHES, 3),
            Self::Cancelled => drawn(CANCELLED, 3),
            Self::Everything => drawn(EVERYTHING, 4),
            Self::Looks => looks::<P>(verdict),
            Self::Cold => cold::<P>(3, verdict),
            Self::Unconcerned => unconcerned::<P>(verdict),
        }
    }

    fn random<P: Protocol>(self, schedules: usize, strict: bool) -> Arc<Verdict> {
        let scheduler = RandomScheduler::new_from_seed(SEED, schedules / 2);
        self.run::<P>(scheduler, strict)
    }

    fn by_priorities<P: Protocol>(self, schedules: usize, strict: bool) -> Arc<Verdict> {
        let scheduler = PctScheduler::new_from_seed(SEED, 3, schedules / 2);
        self.run::<P>(scheduler, strict)
    }

    /// Plays until something stale is seen; `strict` panics there.
    fn run<P: Protocol>(self, scheduler: impl Scheduler + 'static, strict: bool) -> Arc<Verdict> {
        let mut config = Config::new();
        config.stack_size = 0x2_0000;
        config.silence_warnings = true;
        if !strict {
            config.failure_persistence = FailurePersistence::None;
        }
        let verdict = Arc::new(Verdict::default());
        let seen = Arc::clone(&verdict);
        Runner::new(scheduler, config).run(move || {
            if seen.stale() > 0 {
                return;
            }
            Verdict::add(&seen.schedules);
            self.play::<P>(&seen);
            // Shuttle prints the schedule that panics, to be played again.
            assert!(!strict || seen.stale() == 0, "stale: {seen:?}");
        });
        verdict
    }
}

/// After how many schedules of a scenario a protocol is found out; `None` if it is not.
pub(crate) fn found_out<P: Protocol>(scenario: Scenario) -> Option<u64> {
    let mut played = 0;
    for half in [Scenario::by_priorities::<P>, Scenario::random::<P>] {
        // A flight that never ends is found out too: Shuttle panics where all wait.
        let seen = catch_unwind(|| half(scenario, PATIENCE, false));
        let Ok(verdict) = seen else {
            return Some(played);
        };
        played += verdict.schedules.load(Ordering::Relaxed);
        if verdict.stale() > 0 {
            return Some(played);
        }
    }
    None
}

#[test]
fn no_schedule_of_the_flight_table_stores_or_answers_what_is_stale() {
    let (mut schedules, mut stale_stores) = (0, 0);
    for (scenario, share) in SCENARIOS {
        let halves = std::thread::scope(|scope| {
            let other = scope.spawn(|| scenario.by_priorities::<Table>(share, true));
            let one = scenario.random::<Table>(share, true);
            [one, other.join().expect("nothing stale")]
        });
        let sum = |count: fn(&Verdict) -> &AtomicU64| {
            let counts = halves
                .iter()
                .map(|half| count(half).load(Ordering::Relaxed));
            counts.sum::<u64>()
        };
        let played = sum(|verdict| &verdict.schedules);
        let stored = sum(|verdict| &verdict.stored);
        let overtaken = sum(|verdict| &verdict.overtaken);
        println!("{scenario:?}: {played} schedules, {stored} loads stored, {overtaken} overtaken");
        if scenario == Scenario::Cold {
            assert_eq!(stored, played, "one load for all of them");
        }
        schedules += played;
        stale_stores += sum(|verdict| &verdict.stale_stores);
        assert_eq!(sum(|verdict| &verdict.stale_answers), 0);
    }
    println!("schedules: {schedules}, stale stores: {stale_stores}");
    assert_eq!(stale_stores, 0);
    assert!(schedules >= 100_000);
}

#[test]
fn the_naive_protocol_is_found_out() {
    for (scenario, _) in &SCENARIOS[..5] {
        let played = found_out::<Naive>(*scenario);
        let played = played.unwrap_or_else(|| panic!("{scenario:?} finds nothing stale"));
        println!("naive (moka's `get_with`), {scenario:?}: found out after {played} schedules");
    }
}

/// Found by the models: neither used to wait, and a list stored what a write had overtaken.
#[test]
fn writes_and_invalidations_wait_for_a_batch_that_is_storing() {
    let scheduler = RandomScheduler::new_from_seed(SEED, 1);
    Runner::new(scheduler, Config::new()).run(|| {
        let table = Table::begin();
        let batch = table.batch();
        let (storing, leave) = <Table as Protocol>::commit_batch(&batch, &[0, 1], |_, _| false);
        assert_eq!(leave, [true, true]);
        let mut write = pin!(Protocol::write(&table, &[1]));
        let mut threat = pin!(Protocol::threaten(&table, Threat::All));
        let mut context = Context::from_waker(Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
        assert!(threat.as_mut().poll(&mut context).is_pending());
        drop(storing);
        assert!(write.as_mut().poll(&mut context).is_ready());
        assert!(threat.as_mut().poll(&mut context).is_ready());
    });
}
