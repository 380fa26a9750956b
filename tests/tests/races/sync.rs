//! What the flight table is made of in the models: Shuttle's own, in place of what the library
//! has. Every lock and every atomic is a place where another task may go on.

use std::sync::PoisonError;

pub(crate) use foldhash::quality::FixedState as RandomState;
pub(crate) use shuttle::sync::MutexGuard;
pub(crate) use shuttle::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Few, so that the schedules are spent on what is raced for.
pub(crate) const SHARDS: usize = 2;

/// Shuttle's, with the face of `parking_lot`'s.
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self(shuttle::sync::Mutex::new(inner))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
