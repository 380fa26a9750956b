//! What a model knows beside its live rows, for loads and hooks: rows that are stale, that there
//! is no object under an id, and what was deleted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use larder_core::store::Tombstone;
use larder_core::{IdKey, Timestamp};

use crate::model::Hasher;
use crate::rows::Row;

/// How many tombstones are remembered at the most, of each model: some 15 MB. Of more than that
/// those that end first are forgotten.
const TOMBSTONES: usize = 100_000;

/// Rows that are kept and not live. No id is in here and among the live ones too.
#[derive(Default)]
pub(crate) struct Hidden {
    rows: HashMap<IdKey, Arc<Row>, Hasher>,
    /// When each ends, and its row's number.
    ends: BTreeMap<(i64, u64), IdKey>,
    absent: usize,
}

impl Hidden {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of them say that there is no object.
    pub(crate) fn absent(&self) -> usize {
        self.absent
    }

    pub(crate) fn get(&self, id: &IdKey) -> Option<&Arc<Row>> {
        self.rows.get(id)
    }

    /// Those that the write `seq` and those before it left.
    pub(crate) fn rows(&self, seq: u64) -> Vec<Arc<Row>> {
        let rows = self.rows.values().filter(|row| row.seq <= seq);
        rows.cloned().collect()
    }

    pub(crate) fn insert(&mut self, row: Arc<Row>) {
        self.absent += usize::from(row.object.is_none());
        let id = row.id.clone();
        self.ends.insert((row.kept_until(), row.seq), id.clone());
        self.rows.insert(id, row);
    }

    pub(crate) fn remove(&mut self, id: &IdKey) -> Option<Arc<Row>> {
        // Where nothing is hidden a write does not look.
        if self.rows.is_empty() {
            return None;
        }
        let row = self.rows.remove(id)?;
        self.ends.remove(&(row.kept_until(), row.seq));
        self.absent -= usize::from(row.object.is_none());
        Some(row)
    }

    /// The id of one that has come to its end by `now`, if any has.
    pub(crate) fn ended(&self, now: Timestamp) -> Option<&IdKey> {
        let ((end, _), id) = self.ends.first_key_value()?;
        (*end <= now.as_millis()).then_some(id)
    }
}

/// Under which revision an object was deleted, by its id.
#[derive(Default)]
pub(crate) struct Tombstones {
    buried: HashMap<IdKey, Buried, Hasher>,
    /// When each ends, and its number.
    ends: BTreeMap<(i64, u64), IdKey>,
}

struct Buried {
    revision: u64,
    until: i64,
    seq: u64,
}

impl Tombstones {
    pub(crate) fn revision(&self, id: &IdKey, now: Timestamp) -> Option<u64> {
        // Where nothing is ever deleted under a revision a write does not look.
        if self.buried.is_empty() {
            return None;
        }
        let buried = self.buried.get(id)?;
        (buried.until > now.as_millis()).then_some(buried.revision)
    }

    /// Remembers a deletion, whose number is `seq`.
    pub(crate) fn bury(&mut self, id: &IdKey, seq: u64, tombstone: Tombstone, now: Timestamp) {
        self.remove(id);
        let Tombstone { revision, lifetime } = tombstone;
        let until = now.saturating_add(lifetime).as_millis();
        self.ends.insert((until, seq), id.clone());
        let buried = Buried {
            revision,
            until,
            seq,
        };
        self.buried.insert(id.clone(), buried);
        while let Some((&(end, _), id)) = self.ends.first_key_value()
            && (end <= now.as_millis() || self.buried.len() > TOMBSTONES)
        {
            let id = id.clone();
            self.remove(&id);
        }
    }

    pub(crate) fn remove(&mut self, id: &IdKey) {
        if !self.buried.is_empty()
            && let Some(buried) = self.buried.remove(id)
        {
            self.ends.remove(&(buried.until, buried.seq));
        }
    }
}
