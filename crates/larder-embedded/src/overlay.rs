//! The overlay: writes that the index does not hold yet, in the order in which they came.
//!
//! It is kept in sealed chunks and a short open tail, so that a query can take all of it along
//! by cloning a few pointers, and read it without holding up a writer.

use std::collections::VecDeque;
use std::sync::Arc;

use larder_core::Document;

use crate::rows::Row;

/// How long the tail gets. A snapshot clones as many pointers at the most, and one for each
/// chunk.
const CHUNK: usize = 64;

/// A row that waits to be indexed, with what will be indexed of it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) row: Arc<Row>,
    pub(crate) document: Document,
}

/// Some of the overlay, sealed: the last one's number is the highest.
pub(crate) type Chunk = Arc<[Arc<Pending>]>;

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    sealed: VecDeque<Chunk>,
    tail: Vec<Arc<Pending>>,
    len: usize,
}

impl Overlay {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, pending: Arc<Pending>) {
        self.tail.push(pending);
        self.len += 1;
        if self.tail.len() == CHUNK {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.sealed.push_back(self.tail.drain(..).collect());
        }
    }

    /// All of it, sealed: what a flush takes into the index.
    pub(crate) fn take(&mut self) -> Vec<Chunk> {
        self.seal();
        self.sealed.iter().cloned().collect()
    }

    /// Lets go of all rows up to number `seq`, which a `take` before this one sealed. What is
    /// returned is to be dropped where nobody waits.
    pub(crate) fn retire(&mut self, seq: u64) -> Vec<Chunk> {
        let mut retired = Vec::new();
        while let Some(first) = self.sealed.front()
            && first.last().is_some_and(|last| last.row.seq <= seq)
        {
            self.len -= first.len();
            retired.extend(self.sealed.pop_front());
        }
        retired
    }

    /// All of it as it is now.
    pub(crate) fn snapshot(&self) -> Vec<Chunk> {
        let mut chunks = Vec::with_capacity(self.sealed.len() + 1);
        chunks.extend(self.sealed.iter().cloned());
        if !self.tail.is_empty() {
            chunks.push(self.tail.as_slice().into());
        }
        chunks
    }
}
