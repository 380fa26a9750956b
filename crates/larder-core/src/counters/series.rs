//! The series that the feature `metrics` records: see `docs/OBSERVABILITY.md`. No keys in labels.

use std::fmt;
use std::time::Duration;

use metrics::{Label, counter, gauge, histogram};

use crate::cache::Stats;

/// What every series of a cache is labelled with.
#[derive(Clone, Debug)]
pub(super) struct Labels(Vec<Label>);

/// A counter, for the recorder that was there when the cache was built.
pub(super) struct Counter(metrics::Counter);

/// A histogram of seconds.
pub(super) struct Histogram(metrics::Histogram);

impl Labels {
    pub(super) fn new(model: &str, store: &'static str) -> Self {
        Self(vec![
            Label::new("model", model.to_owned()),
            Label::from_static_parts("store", store),
        ])
    }

    pub(super) fn counter(
        &self,
        name: &'static str,
        label: Option<(&'static str, &'static str)>,
    ) -> Counter {
        let own = label.map(|(key, value)| Label::from_static_parts(key, value));
        let labels: Vec<Label> = self.0.iter().cloned().chain(own).collect();
        Counter(counter!(name, labels))
    }

    pub(super) fn histogram(&self, name: &'static str) -> Histogram {
        Histogram(histogram!(name, self.0.clone()))
    }

    /// Sets the gauges.
    pub(super) fn tell(&self, stats: &Stats) {
        let store = &stats.store;
        for (name, value) in [
            ("larder_loads_in_flight", stats.loads.in_flight),
            ("larder_store_objects", store.objects),
            ("larder_store_stale", store.stale),
            ("larder_store_absent", store.absent),
            ("larder_store_bytes", store.bytes),
            ("larder_store_index_bytes", store.index_bytes),
            ("larder_store_index_pending", store.pending),
            ("larder_store_index_segments", store.segments),
            ("larder_store_index_failures", store.indexing_failures),
            ("larder_store_evictions", store.evictions),
            ("larder_store_expirations", store.expirations),
            ("larder_store_flushes", store.flushes),
            ("larder_store_background_errors", store.background_errors),
            ("larder_store_failed_reads", store.failed_reads),
            ("larder_store_foreign", store.foreign),
        ] {
            gauge!(name, self.0.clone()).set(value as f64);
        }
    }
}

impl Counter {
    pub(super) fn increment(&self, count: u64) {
        self.0.increment(count);
    }
}

impl Histogram {
    pub(super) fn record(&self, time: Duration) {
        self.0.record(time);
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter")
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Histogram")
    }
}
