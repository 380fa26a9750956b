//! Answers: a snapshot of a model, and what a query, an aggregate or a removal finds in it.
//!
//! The best rows of a segment are found by its columns, in numbers; only those become places
//! with real values, to be put in order with what the overlay and other segments have.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use larder_core::aggregate::{AggregateQuery, Aggregated, Aggregator};
use larder_core::expr::{Expr, Leaf};
use larder_core::query::{
    Answer, MAX_SORT_KEYS, Order, Place, Projection, Query, Row as AnswerRow, SortKey,
};
use larder_core::ranking::{Corpus, rarity, relevance, saturation};
use larder_core::{Extent, Result, Schema, Timestamp, Total, Truncation, Value};
use tantivy::Term;
use tantivy::columnar::{Column, StrColumn, TermOrdHit};

use crate::bits::{BLOCK, Docs};
use crate::error::engine;
use crate::index::{TermOf, term};
use crate::overlay::{Chunk, Pending};
use crate::query::{cost, matching, matching_leaf, occurrences};
use crate::rows::Row;
use crate::segment::{Live, Segment};

/// A model as it was right after one write. Taking it costs a few pointers; while it is read,
/// nobody waits.
pub(crate) struct Snapshot {
    pub(crate) schema: Arc<Schema>,
    /// The number of that write.
    pub(crate) at: u64,
    pub(crate) now: Timestamp,
    pub(crate) idle: Option<i64>,
    pub(crate) objects: usize,
    pub(crate) overlay: Vec<Chunk>,
    pub(crate) segments: Vec<Live>,
}

impl Snapshot {
    /// What the overlay has that `expr` means, without what died before the snapshot.
    fn pending<'a>(&'a self, expr: &'a Expr) -> impl Iterator<Item = &'a Pending> {
        let chunks = self.overlay.iter();
        chunks
            .flat_map(move |chunk| chunk.matching(&self.schema, expr))
            .filter(|pending| {
                pending.row.was_there(self.at) && !pending.row.is_idle(self.now, self.idle)
            })
    }

    /// The documents of a segment that `expr` means.
    fn matching(&self, live: &Live, expr: &Expr) -> Result<Docs> {
        let mut docs = matching(&live.segment, expr)?;
        docs.and(&live.alive);
        if self.idle.is_some() {
            docs.retain(|doc| {
                live.rows[doc as usize]
                    .as_ref()
                    .is_some_and(|row| !row.is_idle(self.now, self.idle))
            });
        }
        Ok(docs)
    }

    /// Calls `each` with every row that `expr` means.
    pub(crate) fn for_each(
        &self,
        expr: &Expr,
        mut each: impl FnMut(&Arc<Row>) -> Result<()>,
    ) -> Result<()> {
        for live in &self.segments {
            for doc in self.matching(live, expr)?.iter() {
                if let Some(row) = &live.rows[doc as usize] {
                    each(row)?;
                }
            }
        }
        self.pending(expr)
            .try_for_each(|pending| each(&pending.row))
    }

    pub(crate) fn aggregate(&self, query: &AggregateQuery) -> Result<Aggregated> {
        let mut aggregator = Aggregator::new(query, &self.schema);
        self.for_each(&query.expr, |row| match &row.object {
            Some(object) => aggregator.add(&**object),
            None => Ok(()),
        })?;
        Ok(aggregator.finish())
    }

    pub(crate) fn answer(&self, query: &Query) -> Result<Answer> {
        let end = query
            .limit
            .map_or(usize::MAX, |limit| query.offset.saturating_add(limit));
        let wanted = if query.limit == Some(0) { 0 } else { end };
        let corpus = (query.order == Order::Relevance)
            .then(|| IndexCorpus::new(self))
            .transpose()?;
        let mut best = Best {
            keys: query.keys(),
            wanted,
            rows: Vec::new(),
        };
        let mut matched = 0;
        let mut behind = 0;
        for pending in self.pending(&query.expr) {
            matched += 1;
            let place = Place {
                keys: query
                    .keys()
                    .iter()
                    .map(|key| pending.document.field(key.field).values.one().cloned())
                    .collect(),
                id: pending.row.id.clone(),
            };
            if let Some(after) = &query.after
                && place.cmp_by(after, query.keys()).is_le()
            {
                continue;
            }
            behind += 1;
            let score = corpus.as_ref().map_or(0.0, |corpus| {
                relevance(&query.expr, &pending.document, corpus)
            });
            best.push(score, place, &pending.row);
        }
        for live in &self.segments {
            let docs = self.matching(live, &query.expr)?;
            let found = docs.count();
            matched += found;
            if found == 0 || (wanted == 0 && query.after.is_none()) {
                behind += found;
                continue;
            }
            let scores = match &corpus {
                Some(corpus) => Some(corpus.scores(&live.segment, &query.expr)?),
                None => None,
            };
            let order = LocalOrder::new(&live.segment, query.keys(), scores);
            behind += best.take(self, live, &order, &docs, query.after.as_ref())?;
        }
        let rows = best.finish();
        Ok(Answer {
            extent: if behind > end {
                Extent::Truncated(Truncation::Limit)
            } else {
                Extent::Exhausted
            },
            total: query.total.then_some(Total::Exact(matched as u64)),
            rows: rows
                .into_iter()
                .skip(query.offset)
                .map(|(_, place, row)| AnswerRow {
                    place,
                    found: (query.projection == Projection::Objects).then(|| row.found()),
                })
                .collect(),
        })
    }

    /// About how many nanoseconds it takes to find what `expr` means, and to bring `rows` of it.
    pub(crate) fn cost(&self, expr: &Expr, rows: Option<usize>) -> u64 {
        let mut pending = 0;
        let mut indexed = 0;
        let mut nanos = 0;
        for chunk in &self.overlay {
            pending += chunk.rows().len() as u64;
            nanos += chunk.cost(expr);
        }
        for live in &self.segments {
            nanos += cost(&live.segment, expr);
            indexed += u64::from(live.alive.len());
        }
        let all = indexed + pending;
        // Every match is looked at; how many there are is not known, a quarter is a guess.
        nanos + all * 2 + rows.map_or(all / 4, |rows| all.min(rows as u64)) * 300
    }
}

/// The rows of an answer, as many as are wanted, while they are gathered.
struct Best<'a> {
    keys: &'a [SortKey],
    wanted: usize,
    rows: Vec<(f32, Place, Arc<Row>)>,
}

impl Best<'_> {
    fn push(&mut self, score: f32, place: Place, row: &Arc<Row>) {
        if self.wanted == 0 {
            return;
        }
        self.rows.push((score, place, Arc::clone(row)));
        if self.rows.len() >= self.wanted.saturating_mul(2).saturating_add(64) {
            self.cut();
        }
    }

    /// Drops all but the best.
    fn cut(&mut self) {
        if self.rows.len() > self.wanted {
            let keys = self.keys;
            self.rows
                .select_nth_unstable_by(self.wanted - 1, |a, b| before(keys, a, b));
            self.rows.truncate(self.wanted);
        }
    }

    /// The last of the best, once there are enough.
    fn worst(&mut self) -> Option<&(f32, Place, Arc<Row>)> {
        self.cut();
        if self.rows.len() < self.wanted {
            return None;
        }
        let keys = self.keys;
        self.rows.iter().max_by(|a, b| before(keys, a, b))
    }

    /// Takes the best of `docs` of a segment; says how many there were behind `after`.
    fn take(
        &mut self,
        snapshot: &Snapshot,
        live: &Live,
        order: &LocalOrder<'_>,
        docs: &Docs,
        after: Option<&Place>,
    ) -> Result<usize> {
        if self.wanted == 0 && after.is_none() {
            return Ok(docs.count());
        }
        let row = |doc: u32| live.rows[doc as usize].as_ref();
        let after = match after {
            Some(after) => Some((order.of_place(0.0, after)?, after)),
            None => None,
        };
        let mut worst = match self.worst() {
            Some((score, place, _)) => Some(order.of_place(*score, place)?),
            None => None,
        };
        let by_place = |a: &(Local, u32), b: &(Local, u32)| {
            a.0.cmp(&b.0).then_with(|| {
                row(a.1)
                    .map(|row| &row.id)
                    .cmp(&row(b.1).map(|row| &row.id))
            })
        };
        let wanted = self.wanted;
        let enough = wanted.saturating_mul(2).saturating_add(64);
        let mut best: Vec<(Local, u32)> = Vec::new();
        let mut behind = 0;
        let mut firsts = Vec::with_capacity(BLOCK);
        let mut worst_first = worst.map_or(u128::MAX, |worst| worst.keys[0]);
        docs.for_each_block(|block| {
            order.firsts(block, &mut firsts);
            for (&doc, &first) in block.iter().zip(&firsts) {
                if first > worst_first && after.is_none() {
                    behind += 1;
                    continue;
                }
                let local = order.of_doc(doc, first);
                if let Some((limit, place)) = &after {
                    let beyond = match local.cmp(limit) {
                        Ordering::Less => false,
                        Ordering::Equal => row(doc).is_some_and(|row| row.id > place.id),
                        Ordering::Greater => true,
                    };
                    if !beyond {
                        continue;
                    }
                }
                behind += 1;
                if wanted == 0 || worst.is_some_and(|worst| local > worst) {
                    continue;
                }
                best.push((local, doc));
                if best.len() >= enough {
                    let (_, last, _) = best.select_nth_unstable_by(wanted - 1, by_place);
                    worst_first = last.0.keys[0];
                    worst = Some(last.0);
                    best.truncate(wanted);
                }
            }
        });
        if best.len() > self.wanted {
            best.select_nth_unstable_by(self.wanted - 1, by_place);
            best.truncate(self.wanted);
        }
        for (_, doc) in best {
            if let Some(row) = row(doc)
                && let Some(object) = &row.object
            {
                let place = Place::of(&snapshot.schema, self.keys, &**object, &row.id);
                self.push(order.score(doc), place, row);
            }
        }
        Ok(behind)
    }

    fn finish(mut self) -> Vec<(f32, Place, Arc<Row>)> {
        self.cut();
        let keys = self.keys;
        self.rows.sort_unstable_by(|a, b| before(keys, a, b));
        self.rows
    }
}

/// The order of answers: the most relevant first, then by keys and id.
fn before(keys: &[SortKey], a: &(f32, Place, Arc<Row>), b: &(f32, Place, Arc<Row>)) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| a.1.cmp_by(&b.1, keys))
}

/// A place in an answer's order, in numbers that mean something within one segment only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Local {
    keys: [u128; MAX_SORT_KEYS],
    rank: u64,
}

/// Behind every value of a key.
const MISSING: u128 = 1 << 64;

/// The order of one segment's documents.
struct LocalOrder<'a> {
    segment: &'a Segment,
    keys: Vec<LocalKey<'a>>,
    scores: Option<Vec<f32>>,
}

struct LocalKey<'a> {
    column: LocalColumn<'a>,
    kind: larder_core::Kind,
    descending: bool,
}

enum LocalColumn<'a> {
    Numbers(&'a Column<u64>),
    Strings(&'a StrColumn),
    Nothing,
}

impl<'a> LocalOrder<'a> {
    fn new(segment: &'a Segment, keys: &[SortKey], scores: Option<Vec<f32>>) -> Self {
        let keys = keys
            .iter()
            .map(|key| {
                let number = usize::from(key.field);
                let readers = segment.fields.get(number);
                let column = match readers.map(|field| (&field.numbers, &field.strings)) {
                    Some((Some(column), _)) => LocalColumn::Numbers(column),
                    Some((None, Some(column))) => LocalColumn::Strings(column),
                    _ => LocalColumn::Nothing,
                };
                LocalKey {
                    column,
                    kind: segment.layout.fields[number].kind,
                    descending: key.descending,
                }
            })
            .collect();
        Self {
            segment,
            keys,
            scores,
        }
    }

    fn score(&self, doc: u32) -> f32 {
        self.scores
            .as_ref()
            .map_or(0.0, |scores| scores[doc as usize])
    }

    /// The first number of each document's place.
    fn firsts(&self, docs: &[u32], firsts: &mut Vec<u128>) {
        firsts.clear();
        match (self.keys.first(), &self.scores) {
            (Some(key), _) => key.of_docs(docs, firsts),
            (None, Some(_)) => firsts.extend(docs.iter().map(|doc| of_score(self.score(*doc)))),
            (None, None) => {
                let rank = |doc: &u32| u128::from(self.segment.ranks[*doc as usize]);
                firsts.extend(docs.iter().map(rank));
            }
        }
    }

    fn of_doc(&self, doc: u32, first: u128) -> Local {
        let mut keys = [first, 0, 0];
        for (to, key) in keys.iter_mut().zip(&self.keys).skip(1) {
            *to = key.of_doc(doc);
        }
        Local {
            keys,
            rank: self.segment.ranks[doc as usize],
        }
    }

    /// A place of anywhere: what comes before and what behind it here is told right.
    fn of_place(&self, score: f32, place: &Place) -> Result<Local> {
        let mut keys = [0; MAX_SORT_KEYS];
        keys[0] = match self.scores {
            Some(_) => of_score(score),
            None => u128::from(place.id.rank()),
        };
        for (to, (key, value)) in keys.iter_mut().zip(self.keys.iter().zip(&place.keys)) {
            *to = key.of_value(value.as_ref())?;
        }
        Ok(Local {
            keys,
            rank: place.id.rank(),
        })
    }
}

/// The highest score first. Scores are not negative, so their bits order as they do.
fn of_score(score: f32) -> u128 {
    u128::from(!score.to_bits())
}

impl LocalKey<'_> {
    fn of_docs(&self, docs: &[u32], out: &mut Vec<u128>) {
        let mut values = [None; BLOCK];
        let values = &mut values[..docs.len()];
        match self.column {
            LocalColumn::Numbers(column) => column.first_vals(docs, values),
            LocalColumn::Strings(column) => {
                column.ords().first_vals(docs, values);
                for value in values.iter_mut().flatten() {
                    *value = ordinal(*value);
                }
            }
            LocalColumn::Nothing => {}
        }
        out.extend(values.iter().map(|value| self.directed(*value)));
    }

    fn of_doc(&self, doc: u32) -> u128 {
        let value = match self.column {
            LocalColumn::Numbers(column) => column.first(doc),
            LocalColumn::Strings(column) => column.ords().first(doc).map(ordinal),
            LocalColumn::Nothing => None,
        };
        self.directed(value)
    }

    fn of_value(&self, value: Option<&Value>) -> Result<u128> {
        let Some(value) = value else {
            return Ok(MISSING);
        };
        Ok(match (&self.column, term(self.kind, value)) {
            (LocalColumn::Numbers(_), TermOf::Number(number)) => self.directed(Some(number)),
            (LocalColumn::Strings(column), TermOf::Text(text)) => {
                let hit = column.dictionary().term_ord_or_next(text).map_err(engine)?;
                self.directed(Some(match hit {
                    TermOrdHit::Exact(found) => ordinal(found),
                    // Between the one before and the next.
                    TermOrdHit::Next(next) => next.saturating_mul(2),
                }))
            }
            // No document here has a value: all are behind.
            _ => MISSING - 1,
        })
    }

    fn directed(&self, value: Option<u64>) -> u128 {
        match value {
            None => MISSING,
            Some(value) if self.descending => u128::from(!value),
            Some(value) => u128::from(value),
        }
    }
}

/// Odd numbers, so that there is one between any two strings of a segment.
fn ordinal(ordinal: u64) -> u64 {
    ordinal * 2 + 1
}

/// What ranking has to know of the whole model: the index's own counts, which lag behind by what
/// is pending; or those of what is pending, while there is no index.
struct IndexCorpus<'a> {
    snapshot: &'a Snapshot,
    /// For each field the number of tokens and of documents.
    lengths: Vec<(u64, u64)>,
    /// What has been looked up: each row of the overlay asks for the same few tokens.
    frequencies: RefCell<HashMap<(u16, String), f32>>,
}

impl<'a> IndexCorpus<'a> {
    fn new(snapshot: &'a Snapshot) -> Result<Self> {
        let mut lengths = vec![(0, 0); snapshot.schema.fields().len()];
        for live in &snapshot.segments {
            for (length, readers) in lengths.iter_mut().zip(&live.segment.fields) {
                if let Some(terms) = &readers.tokens {
                    length.0 += terms.total_num_tokens();
                    length.1 += u64::from(live.segment.reader.max_doc());
                }
            }
        }
        if snapshot.segments.is_empty() {
            for pending in snapshot.pending(&Expr::All) {
                for (length, field) in lengths.iter_mut().zip(pending.document.fields()) {
                    if let Some(tokens) = &field.tokens {
                        length.0 += tokens.len() as u64;
                        length.1 += 1;
                    }
                }
            }
        }
        Ok(Self {
            snapshot,
            lengths,
            frequencies: RefCell::default(),
        })
    }

    /// How many documents hold a token, by the index.
    fn count(&self, field: u16, token: &str) -> u32 {
        let in_segment = |live: &Live| {
            let number = usize::from(field);
            let tokens = live.segment.layout.fields.get(number)?.tokens?;
            let terms = live.segment.fields.get(number)?.tokens.as_ref()?;
            terms.doc_freq(&Term::from_field_text(tokens, token)).ok()
        };
        self.snapshot.segments.iter().filter_map(in_segment).sum()
    }

    /// The relevance of each document of a segment for what `expr` asks for.
    fn scores(&self, segment: &Segment, expr: &Expr) -> Result<Vec<f32>> {
        let mut scores = vec![0.0; segment.reader.max_doc() as usize];
        self.add_scores(segment, expr, &mut scores)?;
        Ok(scores)
    }

    fn add_scores(&self, segment: &Segment, expr: &Expr, scores: &mut [f32]) -> Result<()> {
        match expr {
            Expr::And(children) | Expr::Or(children) => children
                .iter()
                .try_for_each(|child| self.add_scores(segment, child, scores)),
            Expr::Literal {
                leaf,
                negated: false,
            } => match leaf {
                Leaf::Word(field, token) => self.add_word(segment, *field, token, scores, |_| true),
                Leaf::Phrase(field, phrase) => {
                    let docs = matching_leaf(segment, leaf)?;
                    phrase.iter().try_for_each(|(token, _)| {
                        self.add_word(segment, *field, token, scores, |doc| docs.contains(doc))
                    })
                }
                Leaf::Token(..) | Leaf::Fuzzy(..) => {
                    for doc in matching_leaf(segment, leaf)?.iter() {
                        scores[doc as usize] += 1.0;
                    }
                    Ok(())
                }
                _ => Ok(()),
            },
            Expr::All | Expr::Nothing | Expr::Literal { negated: true, .. } => Ok(()),
        }
    }

    fn add_word(
        &self,
        segment: &Segment,
        field: u16,
        token: &str,
        scores: &mut [f32],
        counts: impl Fn(u32) -> bool,
    ) -> Result<()> {
        let Some(Some(tokens)) = segment
            .layout
            .fields
            .get(usize::from(field))
            .map(|layout| layout.tokens)
        else {
            return Ok(());
        };
        let lengths = segment
            .reader
            .get_fieldnorms_reader(tokens)
            .map_err(engine)?;
        let weight = rarity(self.objects(), self.document_frequency(field, token));
        let average = self.average_length(field);
        occurrences(segment, field, token, |doc, count| {
            if counts(doc) {
                let length = lengths.fieldnorm(doc) as f32;
                scores[doc as usize] += weight * saturation(count as f32, length, average);
            }
        })
    }
}

impl Corpus for IndexCorpus<'_> {
    fn objects(&self) -> f32 {
        self.snapshot.objects as f32
    }

    fn average_length(&self, field: u16) -> f32 {
        match self.lengths.get(usize::from(field)) {
            Some(&(tokens, objects @ 1..)) => tokens as f32 / objects as f32,
            _ => 1.0,
        }
    }

    fn document_frequency(&self, field: u16, token: &str) -> f32 {
        let mut known = self.frequencies.borrow_mut();
        *known
            .entry((field, token.to_owned()))
            .or_insert_with(|| self.count(field, token) as f32)
    }
}
