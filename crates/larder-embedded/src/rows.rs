//! Rows: objects with all that the store knows of them, shared by moka, the overlay and the
//! index's segments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use larder_core::store::{Found, Object, Stored, Tags};
use larder_core::{IdKey, Timestamp};

/// One version of one object.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) model: u32,
    pub(crate) id: IdKey,
    /// Unique in the model, and larger with every write: the version that callers see.
    pub(crate) seq: u64,
    pub(crate) object: Arc<dyn Object>,
    pub(crate) tags: Tags,
    pub(crate) weight: u32,
    /// Milliseconds; `i64::MAX` for never.
    expires_at: AtomicI64,
    accessed_at: AtomicI64,
    /// The number of the write that removed or replaced this row; `u64::MAX` before.
    died: AtomicU64,
}

/// What moka holds of a row.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// A row without lifetime and tags: a read needs no more than this, and not the row, which
    /// is a cache miss away. Whoever lets go of such a row takes it out of moka too.
    Plain {
        object: Arc<dyn Object>,
        seq: u64,
        weight: u32,
    },
    /// A row whose lifetime a read has to look at. One that died may linger here.
    Full(Arc<Row>),
}

impl Slot {
    pub(crate) fn of(row: &Arc<Row>, idle: Option<i64>) -> Self {
        if row.is_timed() || idle.is_some() || !row.tags.as_slice().is_empty() {
            return Self::Full(Arc::clone(row));
        }
        Self::Plain {
            object: Arc::clone(&row.object),
            seq: row.seq,
            weight: row.weight,
        }
    }

    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Plain { seq, .. } => *seq,
            Self::Full(row) => row.seq,
        }
    }

    pub(crate) fn weight(&self) -> u32 {
        match self {
            Self::Plain { weight, .. } => *weight,
            Self::Full(row) => row.weight,
        }
    }
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
            tags,
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

    pub(crate) fn found(&self) -> Found {
        Found {
            object: Stored::Live(Arc::clone(&self.object)),
            version: self.seq,
            expires_at: self.expires_at(),
            tags: self.tags.clone(),
            created_at: Timestamp::default(),
            stale_for: std::time::Duration::ZERO,
            cost: std::time::Duration::ZERO,
            revision: None,
        }
    }
}
