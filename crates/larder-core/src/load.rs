//! Loads: what is brought from elsewhere into a cache, once however many callers wait for it.

/// What is being loaded into one model, by all caches of it in this process.
#[derive(Debug, Default)]
pub(crate) struct Loads {}
