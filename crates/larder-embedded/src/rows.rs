//! Rows: objects with all that the store knows of them, shared by moka, the overlay and the
//! index's segments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use larder_core::query::{Place, SortKey};
use larder_core::store::{Found, Object, Stored, Tags};
use larder_core::{Document, IdKey, Timestamp};

/// One version of one object.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) model: u32,
    pub(crate) id: IdKey,
    /// Unique in the model, and larger with every write: the version callers see.
    pub(crate) seq: u64,
    pub(crate) object: Arc<dyn Object>,
    pub(crate) document: Document,
    pub(crate) tags: Tags,
    pub(crate) weight: u32,
    /// Milliseconds; `i64::MAX` for never.
    expires_at: AtomicI64,
    accessed_at: AtomicI64,
    dead: AtomicBool,
}

impl Row {
    #[expect(
        clippy::too_many_arguments,
        reason = "a plain record, made in one place"
    )]
    pub(crate) fn new(
        model: u32,
        id: IdKey,
        seq: u64,
        object: Arc<dyn Object>,
        document: Document,
        tags: Tags,
        weight: u32,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        Self {
            model,
            id,
            seq,
            object,
            document,
            tags,
            weight,
            expires_at: AtomicI64::new(expires_at.map_or(i64::MAX, Timestamp::as_millis)),
            accessed_at: AtomicI64::new(now.as_millis()),
            dead: AtomicBool::new(false),
        }
    }

    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        let millis = self.expires_at.load(Ordering::Relaxed);
        (millis != i64::MAX).then(|| Timestamp::from_millis(millis))
    }

    pub(crate) fn set_expires_at(&self, at: Option<Timestamp>) {
        self.expires_at
            .store(at.map_or(i64::MAX, Timestamp::as_millis), Ordering::Relaxed);
    }

    /// Counts as a read, for time-to-idle.
    pub(crate) fn access(&self, now: Timestamp) {
        self.accessed_at
            .fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// Marks a row that was removed, replaced or evicted.
    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Release);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Whether the row is to be seen at `now`.
    pub(crate) fn is_live(&self, now: Timestamp, idle: Option<i64>) -> bool {
        !self.is_dead()
            && self.expires_at.load(Ordering::Relaxed) > now.as_millis()
            && idle.is_none_or(|idle| {
                self.accessed_at
                    .load(Ordering::Relaxed)
                    .saturating_add(idle)
                    > now.as_millis()
            })
    }

    pub(crate) fn found(&self) -> Found {
        Found {
            object: Stored::Live(Arc::clone(&self.object)),
            version: self.seq,
            expires_at: self.expires_at(),
            tags: self.tags.clone(),
        }
    }

    pub(crate) fn place(&self, keys: &[SortKey]) -> Place {
        Place {
            keys: keys
                .iter()
                .map(|key| self.document.field(key.field).values.one().cloned())
                .collect(),
            id: self.id.clone(),
        }
    }
}
