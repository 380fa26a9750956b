//! What is counted of pages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::report::{Outcome, PageReport, Why};

/// How many requests were answered how, in this program. Numbers of one moment need not fit each
/// other to the last unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageStats {
    /// From the cache, fresh.
    pub hits: u64,
    /// From the cache, behind its end.
    pub stale: u64,
    /// By a handler, and stored.
    pub misses: u64,
    /// By a handler that another request had called.
    pub collapsed: u64,
    /// By a handler, and not stored.
    pub uncacheable: u64,
    /// By a handler, without a look at the cache.
    pub bypassed: u64,
    /// By the cache, with an error of its own.
    pub refused: u64,
    /// How often an unsafe request was to end pages and they could not be removed from the store.
    /// What stands in it then ends with its lifetime.
    pub failed_removals: u64,
    /// How many requests for which reason, by the word that `Cache-Status` has for it.
    pub reasons: BTreeMap<&'static str, u64>,
}

impl PageStats {
    /// Which part of all requests that asked the cache it answered, 0 to 1; `None` before the
    /// first.
    pub fn hit_ratio(&self) -> Option<f64> {
        let answered = self.hits + self.stale + self.collapsed;
        let asked = answered + self.misses + self.uncacheable + self.refused;
        (asked > 0).then(|| answered as f64 / asked as f64)
    }
}

#[derive(Debug)]
pub(crate) struct Counters {
    outcomes: [AtomicU64; 7],
    failed_removals: AtomicU64,
    reasons: Vec<AtomicU64>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            outcomes: Default::default(),
            failed_removals: AtomicU64::new(0),
            reasons: Why::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Counters {
    pub(crate) fn count(&self, report: &PageReport) {
        self.of(report.outcome).fetch_add(1, Ordering::Relaxed);
        if let Some(reason) = report.why.and_then(|why| self.reasons.get(why as usize)) {
            reason.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_failed_removal(&self) {
        self.failed_removals.fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, outcome: Outcome) -> &AtomicU64 {
        let [hit, stale, miss, collapsed, uncacheable, bypass, refused] = &self.outcomes;
        match outcome {
            Outcome::Hit => hit,
            Outcome::Stale => stale,
            Outcome::Miss => miss,
            Outcome::Collapsed => collapsed,
            Outcome::Uncacheable => uncacheable,
            Outcome::Bypass => bypass,
            Outcome::Refused => refused,
        }
    }

    pub(crate) fn stats(&self) -> PageStats {
        let [
            hits,
            stale,
            misses,
            collapsed,
            uncacheable,
            bypassed,
            refused,
        ] = self
            .outcomes
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed));
        let reasons = Why::ALL.iter().zip(&self.reasons);
        let reasons = reasons.map(|(why, count)| (why.as_str(), count.load(Ordering::Relaxed)));
        PageStats {
            hits,
            stale,
            misses,
            collapsed,
            uncacheable,
            bypassed,
            refused,
            failed_removals: self.failed_removals.load(Ordering::Relaxed),
            reasons: reasons.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
