//! What a cache counts of itself: `stats()` reads it, and the feature `metrics` records it.

#[cfg(feature = "metrics")]
mod series;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cache::Stats;

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

impl Staleness {
    const ALL: [(Self, &str); 4] = [
        (Self::Revalidated, "revalidated"),
        (Self::Failed, "failed"),
        (Self::TimedOut, "timed_out"),
        (Self::Throttled, "throttled"),
    ];
}

impl Rejection {
    const ALL: [(Self, &str); 6] = [
        (Self::Written, "written"),
        (Self::Invalidated, "invalidated"),
        (Self::Outrun, "outrun"),
        (Self::Older, "older"),
        (Self::Unleased, "unleased"),
        (Self::StoreFailed, "store_failed"),
    ];
}

/// One number that only grows: counted here for `stats()`, and for whoever records metrics.
#[derive(Debug)]
pub(crate) struct Tally {
    here: AtomicU64,
    #[cfg(feature = "metrics")]
    recorded: series::Counter,
}

impl Tally {
    pub(crate) fn add(&self, count: u64) {
        self.here.fetch_add(count, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        self.recorded.increment(count);
    }

    pub(crate) fn get(&self) -> u64 {
        self.here.load(Ordering::Relaxed)
    }
}

/// The counters of one cache and its clones.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) hits: Tally,
    pub(crate) misses: Tally,
    pub(crate) undecodable: Tally,
    pub(crate) waiters: Tally,
    pub(crate) lease_waits: Tally,
    pub(crate) timeouts: Tally,
    pub(crate) store_failures: Tally,
    pub(crate) lists_covered: Tally,
    loads: Tally,
    failures: Tally,
    micros: AtomicU64,
    stale: [Tally; 4],
    rejected: [Tally; 6],
    #[cfg(feature = "metrics")]
    seconds: series::Histogram,
    #[cfg(feature = "metrics")]
    labels: series::Labels,
}

impl Counters {
    /// The counters of a cache of `model` in `store`, all at zero.
    pub(crate) fn new(model: &str, store: &'static str) -> Self {
        #[cfg(feature = "metrics")]
        let labels = series::Labels::new(model, store);
        #[cfg(not(feature = "metrics"))]
        let _ = (model, store);
        let tally = |name: &'static str, label: Option<(&'static str, &'static str)>| {
            #[cfg(not(feature = "metrics"))]
            let _ = (name, label);
            Tally {
                here: AtomicU64::new(0),
                #[cfg(feature = "metrics")]
                recorded: labels.counter(name, label),
            }
        };
        let by_reason = |name, (_, reason)| tally(name, Some(("reason", reason)));
        let stale = |why| by_reason("larder_stale_served_total", why);
        let rejected = |why| by_reason("larder_fills_rejected_total", why);
        Self {
            hits: tally("larder_reads_total", Some(("result", "hit"))),
            misses: tally("larder_reads_total", Some(("result", "miss"))),
            undecodable: tally("larder_undecodable_total", None),
            waiters: tally("larder_load_waiters_total", None),
            lease_waits: tally("larder_lease_waits_total", None),
            timeouts: tally("larder_load_timeouts_total", None),
            store_failures: tally("larder_store_failures_total", None),
            lists_covered: tally("larder_lists_covered_total", None),
            loads: tally("larder_loads_total", None),
            failures: tally("larder_load_failures_total", None),
            micros: AtomicU64::new(0),
            stale: Staleness::ALL.map(|(why, name)| stale((why as usize, name))),
            rejected: Rejection::ALL.map(|(why, name)| rejected((why as usize, name))),
            #[cfg(feature = "metrics")]
            seconds: labels.histogram("larder_load_seconds"),
            #[cfg(feature = "metrics")]
            labels,
        }
    }

    pub(crate) fn stale(&self, why: Staleness) {
        self.stale[why as usize].add(1);
        #[cfg(feature = "tracing")]
        tracing::debug!(reason = Staleness::ALL[why as usize].1, "served stale");
    }

    pub(crate) fn rejected(&self, why: Rejection) {
        self.rejected[why as usize].add(1);
        #[cfg(feature = "tracing")]
        tracing::debug!(
            reason = Rejection::ALL[why as usize].1,
            "a fill was rejected"
        );
    }

    pub(crate) fn loaded(&self, time: Duration, well: bool) {
        self.loads.add(1);
        self.failures.add(u64::from(!well));
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        self.seconds.record(time);
    }

    /// What there is to tell besides what is counted here.
    pub(crate) fn tell(&self, stats: &Stats) {
        #[cfg(feature = "metrics")]
        self.labels.tell(stats);
        #[cfg(not(feature = "metrics"))]
        let _ = stats;
    }

    pub(crate) fn loads(&self, in_flight: usize) -> LoadStats {
        let stale = |why: Staleness| self.stale[why as usize].get();
        let rejected = |why: Rejection| self.rejected[why as usize].get();
        LoadStats {
            in_flight: in_flight as u64,
            finished: self.loads.get(),
            failed: self.failures.get(),
            time: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
            waiters: self.waiters.get(),
            lease_waits: self.lease_waits.get(),
            timeouts: self.timeouts.get(),
            store_failures: self.store_failures.get(),
            lists_covered: self.lists_covered.get(),
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
