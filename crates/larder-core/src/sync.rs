//! What `flight` is made of. The race models of `tests/` put the model checker's own in its place.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(crate) use foldhash::quality::RandomState;
pub(crate) use parking_lot::Mutex;

/// Over how many locks the keys are spread.
pub(crate) const SHARDS: usize = 16;
