//! Time as the caches see it: an injected clock, so that expiry is exact and testable.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A moment, in whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment plus `duration`, cut to whole milliseconds, at most the end of time.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// Milliseconds from `earlier` to this moment; less than none if it is later.
    pub(crate) fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long from `earlier` to this moment; zero if it is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A duration in whole milliseconds, without the wide arithmetic of `as_millis`: reads do this.
pub(crate) fn whole_millis(duration: Duration) -> i64 {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let millis = i64::from(duration.subsec_millis());
    seconds.saturating_mul(1_000).saturating_add(millis)
}

/// Where a cache takes the time from.
///
/// Every expiry decision of every store uses the one clock that the caller injected; a
/// clock that stands still makes an entry live for ever, and one that jumps expires exactly
/// what lies before it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The wall clock of the machine.
///
/// On Linux it is the one that the kernel advances with its tick, every 1 to 10 ms. Each read of
/// an entry with a lifetime asks for the time, and an exact clock waits for the memory accesses
/// before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    fn now(&self) -> Timestamp {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::RealtimeCoarse);
        Timestamp(time.tv_sec.saturating_mul(1_000) + time.tv_nsec / 1_000_000)
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Timestamp {
        use std::time::{SystemTime, UNIX_EPOCH};
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        Timestamp(millis)
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}
