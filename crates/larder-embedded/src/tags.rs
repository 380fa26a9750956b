//! The rows of each tag, live and hidden: exact at every moment.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::model::Hasher;
use crate::rows::Row;

/// By tag, and then by the number of the row.
#[derive(Default)]
pub(crate) struct TagIndex(HashMap<Box<str>, BTreeMap<u64, Arc<Row>>, Hasher>);

impl TagIndex {
    pub(crate) fn insert(&mut self, row: &Arc<Row>) {
        for tag in row.tags.as_slice() {
            let rows = match self.0.get_mut(tag.as_str()) {
                Some(rows) => rows,
                None => self.0.entry(tag.as_str().into()).or_default(),
            };
            rows.insert(row.seq, Arc::clone(row));
        }
    }

    pub(crate) fn remove(&mut self, row: &Row) {
        for tag in row.tags.as_slice() {
            if let Some(rows) = self.0.get_mut(tag.as_str()) {
                rows.remove(&row.seq);
                if rows.is_empty() {
                    self.0.remove(tag.as_str());
                }
            }
        }
    }

    /// How many rows have the tag.
    pub(crate) fn len(&self, tag: &str) -> usize {
        self.0.get(tag).map_or(0, BTreeMap::len)
    }

    /// The first `limit` rows of the tag with these numbers.
    pub(crate) fn rows(&self, tag: &str, seqs: RangeInclusive<u64>, limit: usize) -> Vec<Arc<Row>> {
        let rows = self.0.get(tag).into_iter();
        let rows = rows.flat_map(|rows| rows.range(seqs.clone()));
        rows.take(limit).map(|(_, row)| Arc::clone(row)).collect()
    }
}
