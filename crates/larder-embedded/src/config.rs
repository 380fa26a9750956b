//! Options of the embedded store.

use std::sync::Arc;
use std::time::Duration;

use larder_core::{Clock, Error, Result, SystemClock};

use crate::store::EmbeddedStore;

/// Puts an [`EmbeddedStore`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct EmbeddedBuilder {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_objects: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) time_to_idle: Option<Duration>,
    pub(crate) flush_at: usize,
}

impl Default for EmbeddedBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            max_objects: None,
            max_bytes: None,
            ttl: None,
            time_to_idle: None,
            flush_at: 1_000,
        }
    }
}

impl EmbeddedBuilder {
    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Holds at most so many objects, of all models together; the least recently used go first.
    /// Reached with a short delay.
    pub fn max_objects(mut self, objects: u64) -> Self {
        self.max_objects = Some(objects);
        self
    }

    /// Holds objects and their index within about so many bytes, all models together; the least
    /// recently used go first. Reached with a short delay.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// How long an object lives unless its model, cache or write says otherwise.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Drops an object that was not read by id for so long, whatever its lifetime.
    pub fn time_to_idle(mut self, idle: Duration) -> Self {
        self.time_to_idle = Some(idle);
        self
    }

    /// Takes pending writes into the index when there are so many (1,000 unless set). They are
    /// found before that too; a larger number makes writes cheaper and finds dearer.
    pub fn flush_at(mut self, writes: usize) -> Self {
        self.flush_at = writes;
        self
    }

    /// Makes the store. No thread starts before there is something to index.
    ///
    /// # Errors
    /// `InvalidConfig`: both capacities, a capacity of zero, a lifetime of zero, a flush at zero.
    pub fn build(self) -> Result<EmbeddedStore> {
        let refuse = |message: &str| Err(Error::invalid_config(message));
        if self.max_objects.is_some() && self.max_bytes.is_some() {
            return refuse("`max_objects` and `max_bytes` are both given; choose one");
        }
        if self.max_objects == Some(0) || self.max_bytes == Some(0) {
            return refuse("a capacity of zero holds nothing; leave it out for no bound");
        }
        if self.ttl == Some(Duration::ZERO) || self.time_to_idle == Some(Duration::ZERO) {
            return refuse("a lifetime of zero would store nothing; leave it out for no expiry");
        }
        if self.flush_at == 0 {
            return refuse("`flush_at` is zero; give 1 to index every write at once");
        }
        Ok(EmbeddedStore::new(self))
    }
}
