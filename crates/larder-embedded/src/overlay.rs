//! The overlay: writes that the index does not hold yet, in the order in which they came.
//!
//! It is kept in sealed chunks and a short open tail, so that a query can take all of it along
//! by cloning a few pointers, and read it without holding up a writer.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use larder_core::expr::{Expr, Leaf};
use larder_core::{Document, Schema};

use crate::postings::{MOST, Postings, Rows, each};
use crate::rows::Row;

/// A row that waits to be indexed, with what will be indexed of it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) row: Arc<Row>,
    pub(crate) document: Document,
    /// How many tokens the document has.
    tokens: u32,
}

impl Pending {
    pub(crate) fn new(row: Arc<Row>, document: Document) -> Self {
        let fields = document.fields().iter();
        let tokens = fields.filter_map(|field| field.tokens.as_ref());
        Self {
            tokens: tokens.map(|tokens| tokens.len() as u32).sum(),
            row,
            document,
        }
    }
}

/// Some of the overlay: the last row's number is the highest.
#[derive(Clone)]
pub(crate) struct Chunk {
    rows: Arc<[Arc<Pending>]>,
    /// Made by the first query that sees the chunk; a chunk that is not full has none.
    postings: Option<Arc<OnceLock<Postings>>>,
}

impl Chunk {
    fn sealed(rows: Arc<[Arc<Pending>]>) -> Self {
        Self {
            rows,
            postings: Some(Arc::default()),
        }
    }

    /// About how many nanoseconds it takes to find what `expr` means.
    pub(crate) fn cost(&self, expr: &Expr) -> u64 {
        let tokens = self.rows.iter().map(|row| u64::from(row.tokens)).sum();
        let ready = self
            .postings
            .as_ref()
            .is_some_and(|made| made.get().is_some());
        let preparing = if ready { 0 } else { tokens * 25 };
        preparing + cost(expr, self.rows.len() as u64, tokens)
    }

    pub(crate) fn rows(&self) -> &[Arc<Pending>] {
        &self.rows
    }

    /// The rows that `expr` means, dead ones among them.
    pub(crate) fn matching(&self, schema: &Schema, expr: &Expr) -> impl Iterator<Item = &Pending> {
        let all = Rows::MAX >> (MOST - self.rows.len());
        let found = match &self.postings {
            Some(postings) => postings
                .get_or_init(|| Postings::of(schema, &self.rows))
                .matching(schema, &self.rows, expr, all),
            None => each(all)
                .filter(|row| expr.matches(&self.rows[*row].document))
                .fold(0, |found, row| found | 1 << row),
        };
        each(found).map(|row| &*self.rows[row])
    }
}

fn cost(expr: &Expr, rows: u64, tokens: u64) -> u64 {
    match expr {
        Expr::All | Expr::Nothing => 0,
        Expr::And(children) | Expr::Or(children) => {
            children.iter().map(|child| cost(child, rows, tokens)).sum()
        }
        Expr::Literal { leaf, .. } => match leaf {
            Leaf::Token(..) | Leaf::Phrase(..) => tokens * 20,
            Leaf::Fuzzy(..) => tokens * 100,
            Leaf::Like(..) | Leaf::Within(..) => rows * 100,
            _ => rows * 20,
        },
    }
}

#[derive(Default)]
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
        if self.tail.len() == MOST {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let rows = self.tail.drain(..).collect();
            self.sealed.push_back(Chunk::sealed(rows));
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
            && first.rows.last().is_some_and(|last| last.row.seq <= seq)
        {
            self.len -= first.rows.len();
            retired.extend(self.sealed.pop_front());
        }
        retired
    }

    /// All of it as it is now.
    pub(crate) fn snapshot(&self) -> Vec<Chunk> {
        let mut chunks = Vec::with_capacity(self.sealed.len() + 1);
        chunks.extend(self.sealed.iter().cloned());
        if !self.tail.is_empty() {
            chunks.push(Chunk {
                rows: self.tail.as_slice().into(),
                postings: None,
            });
        }
        chunks
    }
}
