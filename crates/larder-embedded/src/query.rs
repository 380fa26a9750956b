//! From a filter to rows: set algebra over documents, one bit each, segment by segment.
//!
//! Leaves that tantivy's terms answer exactly are read from its postings. Phrases and distances
//! on the globe are narrowed by terms and decided by the evaluator in core, which is their
//! definition.

use std::ops::Bound;

use larder_core::Result;
use larder_core::expr::{Expr, Leaf};
use larder_core::ranking::Corpus;
use tantivy::postings::Postings;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{SegmentReader, TERMINATED, Term};

use crate::error::engine;
use crate::index::{Exact, FieldLayout, Segments, exact_term};

/// A set of documents of one segment.
pub(crate) struct Docs {
    words: Vec<u64>,
    len: u32,
}

impl Docs {
    fn none(len: u32) -> Self {
        Self {
            words: vec![0; (len as usize).div_ceil(64)],
            len,
        }
    }

    fn all(len: u32) -> Self {
        Self::none(len).complement()
    }

    fn insert(&mut self, doc: u32) {
        self.words[doc as usize / 64] |= 1 << (doc % 64);
    }

    fn complement(mut self) -> Self {
        for word in &mut self.words {
            *word = !*word;
        }
        if let (Some(last), tail @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << tail) - 1;
        }
        self
    }

    fn join(mut self, other: &Self, op: impl Fn(u64, u64) -> u64) -> Self {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word = op(*word, *other);
        }
        self
    }

    fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        for doc in self.iter().collect::<Vec<_>>() {
            if !keep(doc) {
                self.words[doc as usize / 64] &= !(1 << (doc % 64));
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip(0_u32..).flat_map(|(&word, at)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

/// The documents of segment number `segment` that `expr` means, dead ones among them.
pub(crate) fn matching(segments: &Segments, segment: usize, expr: &Expr) -> Result<Docs> {
    let reader = segments.searcher.segment_reader(segment as u32);
    Search {
        segments,
        segment,
        reader,
    }
    .docs(expr)
}

struct Search<'a> {
    segments: &'a Segments,
    segment: usize,
    reader: &'a SegmentReader,
}

impl Search<'_> {
    fn docs(&self, expr: &Expr) -> Result<Docs> {
        let len = self.reader.max_doc();
        match expr {
            Expr::All => Ok(Docs::all(len)),
            Expr::Nothing => Ok(Docs::none(len)),
            Expr::And(children) => {
                let mut docs = Docs::all(len);
                for child in children {
                    docs = docs.join(&self.docs(child)?, |a, b| a & b);
                }
                Ok(docs)
            }
            Expr::Or(children) => {
                let mut docs = Docs::none(len);
                for child in children {
                    docs = docs.join(&self.docs(child)?, |a, b| a | b);
                }
                Ok(docs)
            }
            Expr::Literal { leaf, negated } => {
                let docs = self.leaf(leaf)?;
                Ok(if *negated { docs.complement() } else { docs })
            }
        }
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Docs> {
        let mut docs = Docs::none(self.reader.max_doc());
        let layout = &self.segments.layout;
        let Some(field) = layout.fields.get(usize::from(leaf.field())) else {
            return Ok(docs);
        };
        match leaf {
            Leaf::Missing(number) => self.term(&layout.missing(*number), &mut docs)?,
            Leaf::EmptyList(number) => self.term(&layout.empty_list(*number), &mut docs)?,
            Leaf::Eq(_, value) => self.value(field, value, &mut docs)?,
            Leaf::In(_, values) => {
                for value in values {
                    self.value(field, value, &mut docs)?;
                }
            }
            Leaf::Range(_, low, high) => {
                if let Some(exact) = field.exact {
                    let bytes = |bound: &Bound<larder_core::Value>| {
                        bound
                            .as_ref()
                            .map(|value| match exact_term(field.kind, value) {
                                Exact::Number(number) => number.to_be_bytes().to_vec(),
                                Exact::Text(text) => text.into_bytes(),
                            })
                    };
                    self.terms(exact, &bytes(low), &bytes(high), &|_| true, &mut docs)?;
                }
            }
            Leaf::Like(_, glob) => {
                self.fitting(
                    field.exact,
                    glob_start(glob),
                    &|term| glob.matches(term),
                    &mut docs,
                )?;
            }
            Leaf::Token(_, glob) => {
                self.fitting(
                    field.tokens,
                    glob_start(glob),
                    &|term| glob.matches(term),
                    &mut docs,
                )?;
            }
            Leaf::Fuzzy(_, term, distance) => {
                let near = |found: &str| larder_core::expr::is_near(term, found, *distance);
                self.fitting(field.tokens, "", &near, &mut docs)?;
            }
            Leaf::Word(_, token) => {
                if let Some(tokens) = field.tokens {
                    self.term(&Term::from_field_text(tokens, token), &mut docs)?;
                }
            }
            Leaf::Phrase(_, phrase) => {
                docs = docs.complement();
                for (token, _) in phrase {
                    let mut word = Docs::none(self.reader.max_doc());
                    if let Some(tokens) = field.tokens {
                        self.term(&Term::from_field_text(tokens, token), &mut word)?;
                    }
                    docs = docs.join(&word, |a, b| a & b);
                }
                self.decide(leaf, &mut docs);
            }
            Leaf::Within(..) => {
                docs = docs.complement();
                self.decide(leaf, &mut docs);
            }
        }
        Ok(docs)
    }

    /// Keeps of `docs` those that the evaluator says `leaf` holds for.
    fn decide(&self, leaf: &Leaf, docs: &mut Docs) {
        let rows = &self.segments.rows[self.segment];
        docs.retain(|doc| {
            rows[doc as usize]
                .as_ref()
                .is_some_and(|row| leaf.matches(&row.document))
        });
    }

    fn value(
        &self,
        field: &FieldLayout,
        value: &larder_core::Value,
        docs: &mut Docs,
    ) -> Result<()> {
        let Some(exact) = field.exact else {
            return Ok(());
        };
        let term = match exact_term(field.kind, value) {
            Exact::Number(number) => Term::from_field_u64(exact, number),
            Exact::Text(text) => Term::from_field_text(exact, &text),
        };
        self.term(&term, docs)
    }

    fn term(&self, term: &Term, docs: &mut Docs) -> Result<()> {
        let inverted = self.reader.inverted_index(term.field()).map_err(engine)?;
        let postings = inverted
            .read_postings(term, IndexRecordOption::Basic)
            .map_err(engine)?;
        if let Some(postings) = postings {
            collect(postings, docs);
        }
        Ok(())
    }

    fn fitting(
        &self,
        field: Option<Field>,
        start: &str,
        fits: &dyn Fn(&str) -> bool,
        docs: &mut Docs,
    ) -> Result<()> {
        let Some(field) = field else { return Ok(()) };
        let low = Bound::Included(start.as_bytes().to_vec());
        let starts = |term: &[u8]| {
            term.starts_with(start.as_bytes()) && std::str::from_utf8(term).is_ok_and(fits)
        };
        // Every string with this start lies below it followed by the largest byte there is none of.
        let mut end = start.as_bytes().to_vec();
        end.push(0xff);
        self.terms(field, &low, &Bound::Excluded(end), &starts, docs)
    }

    /// Adds the documents of all terms between two that pass `test`.
    fn terms(
        &self,
        field: Field,
        low: &Bound<Vec<u8>>,
        high: &Bound<Vec<u8>>,
        test: &dyn Fn(&[u8]) -> bool,
        docs: &mut Docs,
    ) -> Result<()> {
        let inverted = self.reader.inverted_index(field).map_err(engine)?;
        let mut range = inverted.terms().range();
        range = match low {
            Bound::Unbounded => range,
            Bound::Included(low) => range.ge(low),
            Bound::Excluded(low) => range.gt(low),
        };
        range = match high {
            Bound::Unbounded => range,
            Bound::Included(high) => range.le(high),
            Bound::Excluded(high) => range.lt(high),
        };
        let mut stream = range.into_stream().map_err(engine)?;
        while stream.advance() {
            if test(stream.key()) {
                let postings = inverted
                    .read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)
                    .map_err(engine)?;
                collect(postings, docs);
            }
        }
        Ok(())
    }
}

fn collect(mut postings: impl Postings, docs: &mut Docs) {
    let mut doc = postings.doc();
    while doc != TERMINATED {
        docs.insert(doc);
        doc = postings.advance();
    }
}

/// The text that all that fits starts with.
fn glob_start(glob: &larder_core::glob::Glob) -> &str {
    match glob.parts().first() {
        Some(larder_core::glob::GlobPart::Text(text)) => text,
        _ => "",
    }
}

/// The whole model, for ranking: the index's own document frequencies, which lag behind by what
/// is pending, and the lengths of all live texts.
pub(crate) struct IndexCorpus<'a> {
    pub(crate) segments: Option<&'a Segments>,
    pub(crate) objects: usize,
    pub(crate) lengths: &'a [(u64, u64)],
}

impl Corpus for IndexCorpus<'_> {
    fn objects(&self) -> f32 {
        self.objects as f32
    }

    fn average_length(&self, field: u16) -> f32 {
        match self.lengths.get(usize::from(field)) {
            Some(&(tokens, objects @ 1..)) => tokens as f32 / objects as f32,
            _ => 1.0,
        }
    }

    fn document_frequency(&self, field: u16, token: &str) -> f32 {
        let frequency = self.segments.and_then(|segments| {
            let field = segments.layout.fields.get(usize::from(field))?.tokens?;
            let term = Term::from_field_text(field, token);
            segments.searcher.doc_freq(&term).ok()
        });
        frequency.unwrap_or(0) as f32
    }
}
