//! Rows: objects with all that the store knows of them, shared by moka, the overlay and the
//! index's segments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use larder_core::store::{Found, Object, Stored, Tags, Times};
use larder_core::{IdKey, Timestamp};

/// What stands for no end.
const NEVER: i64 = i64::MAX;

/// One version of one object, or the knowledge that there is none.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) model: u32,
    pub(crate) id: IdKey,
    /// Unique in the model, and larger with every write: the version that callers see.
    pub(crate) seq: u64,
    /// `None`: it is known that there is no object. Such a row is never live.
    pub(crate) object: Option<Arc<dyn Object>>,
    pub(crate) tags: Tags,
    pub(crate) weight: u32,
    pub(crate) revision: Option<u64>,
    /// Milliseconds.
    created_at: i64,
    /// Milliseconds.
    stale_for: u64,
    /// Nanoseconds.
    cost: u64,
    /// Milliseconds.
    expires_at: AtomicI64,
    accessed_at: AtomicI64,
    /// The number of the write that removed or replaced this row; `u64::MAX` before.
    died: AtomicU64,
    /// How often moka was given another slot of this row.
    generation: AtomicU32,
}

/// What a write says of a row beside what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) tags: Tags,
    pub(crate) weight: u32,
    pub(crate) revision: Option<u64>,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) stale_for: Duration,
    pub(crate) cost: Duration,
}

/// What moka holds of a row.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// A row without tags and revision: a read needs no more than this, and not the row, which
    /// is a cache miss away. Whoever lets go of such a row takes it out of moka too.
    Plain(Plain),
    /// A row of which a read has to know more. One that died may linger here.
    Full(Arc<Row>),
    /// A row that is stale or says that there is no object: the model knows it.
    Hidden { mark: SlotMark, weight: u32 },
}

/// By what a slot is known again: the row's number, and which of its slots this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotMark {
    seq: u64,
    generation: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Plain {
    object: Arc<dyn Object>,
    pub(crate) seq: u64,
    created_at: i64,
    expires_at: i64,
    stale_for: u64,
    cost: u64,
    weight: u32,
    generation: u32,
}

impl Plain {
    /// Whether its lifetime can end.
    pub(crate) fn is_timed(&self) -> bool {
        self.expires_at != NEVER
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.as_millis()
    }

    pub(crate) fn into_object(self) -> Arc<dyn Object> {
        self.object
    }

    pub(crate) fn times(&self, seen_at: Option<Timestamp>) -> Times {
        Times {
            created_at: Timestamp::from_millis(self.created_at),
            expires_at: moment(self.expires_at),
            cost_nanos: self.cost,
            seen_at,
        }
    }

    pub(crate) fn found(self, seen_at: Option<Timestamp>) -> Found {
        Found {
            seen_at,
            object: Stored::Live(self.object),
            version: self.seq,
            expires_at: moment(self.expires_at),
            tags: Tags::default(),
            created_at: Timestamp::from_millis(self.created_at),
            stale_for: Duration::from_millis(self.stale_for),
            cost: Duration::from_nanos(self.cost),
            revision: None,
        }
    }
}

impl Slot {
    /// The slot of a live row.
    pub(crate) fn of(row: &Arc<Row>, idle: Option<i64>) -> Self {
        let Some(object) = row.object.as_ref().filter(|_| row.is_plain(idle)) else {
            return Self::Full(Arc::clone(row));
        };
        Self::Plain(Plain {
            object: Arc::clone(object),
            seq: row.seq,
            created_at: row.created_at,
            expires_at: row.expires_at.load(Ordering::Relaxed),
            stale_for: row.stale_for,
            cost: row.cost,
            weight: row.weight,
            generation: row.generation.load(Ordering::Relaxed),
        })
    }

    /// The slot of a row that is kept and not live.
    pub(crate) fn hidden(row: &Row) -> Self {
        Self::Hidden {
            mark: row.slot_mark(),
            weight: row.weight,
        }
    }

    pub(crate) fn mark(&self) -> SlotMark {
        match self {
            Self::Plain(plain) => SlotMark {
                seq: plain.seq,
                generation: plain.generation,
            },
            Self::Full(row) => row.slot_mark(),
            Self::Hidden { mark, .. } => *mark,
        }
    }

    pub(crate) fn weight(&self) -> u32 {
        match self {
            Self::Plain(plain) => plain.weight,
            Self::Full(row) => row.weight,
            Self::Hidden { weight, .. } => *weight,
        }
    }
}

impl Row {
    pub(crate) fn new(
        model: u32,
        id: IdKey,
        seq: u64,
        object: Option<Arc<dyn Object>>,
        terms: Terms,
    ) -> Self {
        let now = terms.now.as_millis();
        Self {
            model,
            id,
            seq,
            object,
            tags: terms.tags,
            weight: terms.weight,
            revision: terms.revision,
            created_at: now,
            stale_for: u64::try_from(terms.stale_for.as_millis()).unwrap_or(u64::MAX),
            cost: u64::try_from(terms.cost.as_nanos()).unwrap_or(u64::MAX),
            expires_at: AtomicI64::new(millis(terms.expires_at)),
            accessed_at: AtomicI64::new(now),
            died: AtomicU64::new(u64::MAX),
            generation: AtomicU32::new(0),
        }
    }

    /// The same row, of which nobody knows but loads: it expired at `now`.
    pub(crate) fn expired(&self, now: Timestamp) -> Self {
        let generation = self.generation.load(Ordering::Relaxed);
        Self {
            model: self.model,
            id: self.id.clone(),
            seq: self.seq,
            object: self.object.clone(),
            tags: self.tags.clone(),
            weight: self.weight,
            revision: self.revision,
            created_at: self.created_at,
            stale_for: self.stale_for,
            cost: self.cost,
            expires_at: AtomicI64::new(now.as_millis()),
            accessed_at: AtomicI64::new(self.accessed_at.load(Ordering::Relaxed)),
            died: AtomicU64::new(u64::MAX),
            generation: AtomicU32::new(generation.wrapping_add(1)),
        }
    }

    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        moment(self.expires_at.load(Ordering::Relaxed))
    }

    pub(crate) fn set_expires_at(&self, at: Option<Timestamp>) {
        self.expires_at.store(millis(at), Ordering::Relaxed);
    }

    pub(crate) fn stale_for(&self) -> Duration {
        Duration::from_millis(self.stale_for)
    }

    /// Until when it is kept for loads, in milliseconds.
    pub(crate) fn kept_until(&self) -> i64 {
        let stale_for = i64::try_from(self.stale_for).unwrap_or(NEVER);
        let expires_at = self.expires_at.load(Ordering::Relaxed);
        expires_at.saturating_add(stale_for)
    }

    /// Whether a read needs to know no more of it than a plain slot holds.
    pub(crate) fn is_plain(&self, idle: Option<i64>) -> bool {
        idle.is_none() && self.revision.is_none() && self.tags.as_slice().is_empty()
    }

    /// Takes note that moka is given another slot of it.
    pub(crate) fn renew_slot(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn slot_mark(&self) -> SlotMark {
        SlotMark {
            seq: self.seq,
            generation: self.generation.load(Ordering::Relaxed),
        }
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

    /// Whether it is an object of which neither lifetime nor idleness has ended by `now`.
    pub(crate) fn is_fresh(&self, now: Timestamp, idle: Option<i64>) -> bool {
        self.object.is_some() && !self.has_expired(now) && !self.is_idle(now, idle)
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.load(Ordering::Relaxed) <= now.as_millis()
    }

    /// Whether loads may be shown it at `now`. What has expired grows idle no more, and that
    /// there is no object never does.
    pub(crate) fn is_kept(&self, now: Timestamp, idle: Option<i64>) -> bool {
        let expires_at = self.expires_at.load(Ordering::Relaxed);
        let lived = Timestamp::from_millis(expires_at.min(now.as_millis()));
        self.kept_until() > now.as_millis() && (self.object.is_none() || !self.is_idle(lived, idle))
    }

    pub(crate) fn is_idle(&self, now: Timestamp, idle: Option<i64>) -> bool {
        idle.is_some_and(|idle| {
            let last = self.accessed_at.load(Ordering::Relaxed);
            last.saturating_add(idle) <= now.as_millis()
        })
    }

    pub(crate) fn found(&self) -> Found {
        let object = self.object.as_ref();
        Found {
            object: object.map_or(Stored::Absent, |object| Stored::Live(Arc::clone(object))),
            version: self.seq,
            expires_at: self.expires_at(),
            tags: self.tags.clone(),
            created_at: Timestamp::from_millis(self.created_at),
            stale_for: self.stale_for(),
            cost: Duration::from_nanos(self.cost),
            seen_at: None,
            revision: self.revision,
        }
    }

    /// As it was found at a moment.
    pub(crate) fn seen(&self, at: Timestamp) -> Found {
        Found {
            seen_at: Some(at),
            ..self.found()
        }
    }

    pub(crate) fn times(&self, seen_at: Timestamp) -> Times {
        Times {
            created_at: Timestamp::from_millis(self.created_at),
            expires_at: self.expires_at(),
            cost_nanos: self.cost,
            seen_at: Some(seen_at),
        }
    }
}

fn millis(at: Option<Timestamp>) -> i64 {
    at.map_or(NEVER, Timestamp::as_millis)
}

fn moment(millis: i64) -> Option<Timestamp> {
    (millis != NEVER).then(|| Timestamp::from_millis(millis))
}
