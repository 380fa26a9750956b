//! A clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use larder_core::{Clock, Timestamp};

/// A clock for tests. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use larder_core::Clock as _;
/// use larder_testkit::{ManualClock, ReferenceStore};
///
/// let clock = ManualClock::default();
/// let store = ReferenceStore::new(clock.clone());
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60)); // for `store` a minute has passed
/// assert_eq!(clock.now().saturating_since(before), Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_700_000_000_000)))
    }
}

impl ManualClock {
    /// Moves the clock forward, at most to the end of time.
    pub fn advance(&self, by: Duration) {
        let later = |now| Some(Timestamp::from_millis(now).saturating_add(by).as_millis());
        let moved = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        debug_assert!(moved.is_ok(), "there is always a later moment");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
