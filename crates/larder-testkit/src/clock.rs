//! A clock that stands still until it is moved.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use larder_core::store::BoxFuture;
use larder_core::{Clock, Runtime, Timestamp};
use parking_lot::Mutex;

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
pub struct ManualClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    now: AtomicI64,
    sleepers: Mutex<Vec<Waker>>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self(Arc::new(Inner {
            now: AtomicI64::new(1_700_000_000_000),
            sleepers: Mutex::default(),
        }))
    }
}

impl ManualClock {
    /// Moves the clock forward, at most to the end of time, and wakes who sleeps by it.
    pub fn advance(&self, by: Duration) {
        let later = |now| Some(Timestamp::from_millis(now).saturating_add(by).as_millis());
        let now = &self.0.now;
        let moved = now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        debug_assert!(moved.is_ok(), "there is always a later moment");
        let sleepers = std::mem::take(&mut *self.0.sleepers.lock());
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// How many sleep by this clock since it was last moved, counting each of their looks at it.
    pub fn sleepers(&self) -> usize {
        self.0.sleepers.lock().len()
    }
}

/// Tasks run in the Tokio runtime of the caller, and sleep by this clock.
impl Runtime for ManualClock {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(tokio::spawn(task));
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let end = clock.now().saturating_add(time);
        Box::pin(poll_fn(move |context| {
            // First on the list, then the look: who moves the clock in between wakes.
            clock.0.sleepers.lock().push(context.waker().clone());
            match clock.now() >= end {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::SeqCst))
    }
}
