//! Rows: objects with all that the store knows of them, shared by moka, the overlay and the
//! index's segments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use larder_core::store::{Found, Object, Stored, Tags};
use larder_core::{IdKey, Timestamp};

/// One version of one object.
///
/// What a read by id needs comes first: with the counts of the `Arc` around it that is 64 bytes,
/// as much as a cache line holds.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Row {
    /// The number of the write that removed or replaced this row; `u64::MAX` before.
    died: AtomicU64,
    /// Milliseconds; `i64::MAX` for never.
    expires_at: AtomicI64,
    pub(crate) object: Arc<dyn Object>,
    /// Unique in the model, and larger with every write: the version that callers see.
    pub(crate) seq: u64,
    /// None without tags.
    tags: Option<Box<Tags>>,
    accessed_at: AtomicI64,
    pub(crate) id: IdKey,
    pub(crate) weight: u32,
    pub(crate) model: u32,
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
            tags: (!tags.as_slice().is_empty()).then(|| Box::new(tags)),
            weight,
            expires_at: AtomicI64::new(expires_at.map_or(i64::MAX, Timestamp::as_millis)),
            accessed_at: AtomicI64::new(now.as_millis()),
            died: AtomicU64::new(u64::MAX),
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

    /// Marks a row that the write `seq` removed, replaced or evicted.
    pub(crate) fn kill(&self, seq: u64) {
        self.died.store(seq, Ordering::Release);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.died.load(Ordering::Acquire) != u64::MAX
    }

    /// Whether the row was there right after the write `seq`.
    pub(crate) fn was_there(&self, seq: u64) -> bool {
        self.seq <= seq && self.died.load(Ordering::Acquire) > seq
    }

    /// Whether neither lifetime nor idleness has ended by `now`.
    pub(crate) fn is_current(&self, now: Timestamp, idle: Option<i64>) -> bool {
        self.expires_at.load(Ordering::Relaxed) > now.as_millis() && !self.is_idle(now, idle)
    }

    pub(crate) fn is_idle(&self, now: Timestamp, idle: Option<i64>) -> bool {
        idle.is_some_and(|idle| {
            let last = self.accessed_at.load(Ordering::Relaxed);
            last.saturating_add(idle) <= now.as_millis()
        })
    }

    /// Whether the row's being there can end by time alone, idleness aside.
    pub(crate) fn is_timed(&self) -> bool {
        self.expires_at.load(Ordering::Relaxed) != i64::MAX
    }

    pub(crate) fn tags(&self) -> Tags {
        self.tags.as_deref().cloned().unwrap_or_default()
    }

    pub(crate) fn found(&self) -> Found {
        Found {
            object: Stored::Live(Arc::clone(&self.object)),
            version: self.seq,
            expires_at: self.expires_at(),
            tags: self.tags(),
        }
    }
}
