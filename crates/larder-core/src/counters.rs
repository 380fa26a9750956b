//! What a cache counts of itself: `stats()` reads it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Why something stale was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Staleness {
    /// It is loaded anew in the background.
    Revalidated,
    /// The load failed.
    Failed,
    /// The load did not end in time.
    TimedOut,
    /// A load failed not long ago, and is not tried again yet.
    Throttled,
}

/// Why something that was loaded was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Its id was written or removed in this process meanwhile.
    Written,
    /// What it is was invalidated in this process meanwhile.
    Invalidated,
    /// Its lease was lost: another program wrote, removed or invalidated, or it took too long.
    Outrun,
    /// The store has a later version of it.
    Older,
    /// There was no lease to be had: another program loads it, or a fence is up.
    Unleased,
    /// The store refused it or could not be reached.
    StoreFailed,
}

/// The counters of one cache and its clones.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) waiters: AtomicU64,
    pub(crate) lease_waits: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) store_failures: AtomicU64,
    pub(crate) lists_covered: AtomicU64,
    loads: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
    stale: [AtomicU64; 4],
    rejected: [AtomicU64; 6],
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(crate) fn stale(&self, why: Staleness) {
        Self::add(&self.stale[why as usize], 1);
    }

    pub(crate) fn rejected(&self, why: Rejection) {
        Self::add(&self.rejected[why as usize], 1);
    }

    pub(crate) fn loaded(&self, time: Duration, well: bool) {
        Self::add(&self.loads, 1);
        Self::add(&self.failures, u64::from(!well));
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self::add(&self.micros, micros);
    }

    pub(crate) fn loads(&self, in_flight: usize) -> LoadStats {
        let stale = |why: Staleness| Self::get(&self.stale[why as usize]);
        let rejected = |why: Rejection| Self::get(&self.rejected[why as usize]);
        LoadStats {
            in_flight: in_flight as u64,
            finished: Self::get(&self.loads),
            failed: Self::get(&self.failures),
            time: Duration::from_micros(Self::get(&self.micros)),
            waiters: Self::get(&self.waiters),
            lease_waits: Self::get(&self.lease_waits),
            timeouts: Self::get(&self.timeouts),
            store_failures: Self::get(&self.store_failures),
            lists_covered: Self::get(&self.lists_covered),
            stale: StaleServed {
                revalidated: stale(Staleness::Revalidated),
                failed: stale(Staleness::Failed),
                timed_out: stale(Staleness::TimedOut),
                throttled: stale(Staleness::Throttled),
            },
            rejected: Rejected {
                written: rejected(Rejection::Written),
                invalidated: rejected(Rejection::Invalidated),
                outrun: rejected(Rejection::Outrun),
                older: rejected(Rejection::Older),
                unleased: rejected(Rejection::Unleased),
                store_failed: rejected(Rejection::StoreFailed),
            },
        }
    }
}

/// What a cache counts of its loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadStats {
    /// Loads of this model on their way now, by all caches of it in this process.
    pub in_flight: u64,
    /// Calls of a loader that have ended.
    pub finished: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// The time that they took, all together.
    pub time: Duration,
    /// Callers that waited for a load which another had begun.
    pub waiters: u64,
    /// Looks at a lease that another program held.
    pub lease_waits: u64,
    /// Callers that gave up waiting, by the policy's timeouts.
    pub timeouts: u64,
    /// Times that the store could not be asked and was passed by.
    pub store_failures: u64,
    /// Lists that were answered from the cache, since it was known to hold all of them.
    pub lists_covered: u64,
    /// Stale objects that were served.
    pub stale: StaleServed,
    /// Loaded objects that were not stored.
    pub rejected: Rejected,
}

/// Stale objects served, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleServed {
    /// While they were loaded anew in the background.
    pub revalidated: u64,
    /// Since the load failed.
    pub failed: u64,
    /// Since the load did not end in time.
    pub timed_out: u64,
    /// Since a load had failed not long before.
    pub throttled: u64,
}

/// Loaded objects that were not stored, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Their id was written or removed in this process meanwhile.
    pub written: u64,
    /// They were invalidated by tag, filter or model in this process meanwhile.
    pub invalidated: u64,
    /// Their lease was lost, to another program's write or to time.
    pub outrun: u64,
    /// The store had a later version.
    pub older: u64,
    /// No lease was to be had.
    pub unleased: u64,
    /// The store refused them or could not be reached.
    pub store_failed: u64,
}
