//! A thread that notices when a rule never ends.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Does something should it still be alive after some time; dropping it calls it off.
///
/// A store that blocks the thread it is polled on cannot be stopped from within that thread: the
/// test would hang for ever and say nothing. This makes it a failure with a name.
#[must_use = "a watchdog that is dropped watches nothing"]
pub struct Watchdog {
    /// Its end is what the thread waits for.
    _leash: mpsc::Sender<()>,
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchdog")
    }
}

impl Watchdog {
    /// Calls `bark` on a thread of its own after `patience`, unless it is dropped before.
    pub fn new(patience: Duration, bark: impl FnOnce() + Send + 'static) -> Self {
        let (leash, end) = mpsc::channel();
        std::thread::spawn(move || {
            if end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                bark();
            }
        });
        Self { _leash: leash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_blocked_for_good_is_noticed() {
        let (release, blocked) = mpsc::channel();
        let _watchdog = Watchdog::new(Duration::from_millis(1), move || {
            release.send(()).expect("the other end waits below");
        });
        // Nothing but the watchdog can end this.
        blocked.recv().expect("the watchdog barks");
    }

    #[test]
    fn a_watchdog_that_is_called_off_stays_silent() {
        let (sender, heard) = mpsc::channel::<()>();
        drop(Watchdog::new(Duration::from_secs(3_600), move || {
            sender.send(()).expect("the other end waits below");
        }));
        // Its thread ends, and with it the only sender.
        assert!(heard.recv().is_err());
    }
}
