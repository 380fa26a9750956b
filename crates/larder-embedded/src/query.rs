//! From a filter to documents: set algebra over a segment, one bit a document.
//!
//! What tantivy's terms and columns answer exactly is read from them; distances on the globe are
//! decided by the one expression in core, over the columns of coordinates.

use std::ops::{Bound, RangeInclusive};

use larder_core::expr::{Circle, Expr, Leaf, is_near};
use larder_core::glob::{Glob, GlobPart};
use larder_core::{GeoPoint, Result, Value};
use tantivy::columnar::Column;
use tantivy::postings::Postings;
use tantivy::query::{EnableScoring, PhraseQuery, Query as _};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, InvertedIndexReader, TERMINATED, Term};

use crate::bits::Docs;
use crate::error::engine;
use crate::index::{Layout, TermOf, term};
use crate::segment::Segment;

/// A column is read at single documents rather than from end to end where fewer than one in so
/// many are asked for.
const FEW: usize = 8;

/// A range is read value by value, not document by document, where each value stands in more
/// than so many documents on average.
const FEW_VALUES: usize = 32;

/// The documents that `expr` means, dead ones among them.
pub(crate) fn matching(segment: &Segment, expr: &Expr) -> Result<Docs> {
    Search { segment }.docs(expr, None)
}

/// The documents that one condition means, dead ones among them.
pub(crate) fn matching_leaf(segment: &Segment, leaf: &Leaf) -> Result<Docs> {
    Search { segment }.leaf(leaf, None)
}

struct Search<'a> {
    segment: &'a Segment,
}

impl Search<'_> {
    /// What is in `within` of the answer is right; what is not may be anything.
    fn docs(&self, expr: &Expr, within: Option<&Docs>) -> Result<Docs> {
        let len = self.segment.reader.max_doc();
        match expr {
            Expr::All => Ok(Docs::all(len)),
            Expr::Nothing => Ok(Docs::none(len)),
            Expr::And(children) => {
                // The cheap ones first, so that the dear ones have little left to decide.
                let mut children: Vec<&Expr> = children.iter().collect();
                children.sort_by_key(|child| price(child));
                let mut docs: Option<Docs> = None;
                for child in children {
                    let found = self.docs(child, docs.as_ref().or(within))?;
                    match &mut docs {
                        None => docs = Some(found),
                        Some(docs) => docs.and(&found),
                    }
                    if docs.as_ref().is_some_and(Docs::is_empty) {
                        break;
                    }
                }
                Ok(docs.unwrap_or_else(|| Docs::all(len)))
            }
            Expr::Or(children) => {
                let mut docs = Docs::none(len);
                for child in children {
                    docs.or(&self.docs(child, within)?);
                }
                Ok(docs)
            }
            Expr::Literal { leaf, negated } => {
                let mut docs = self.leaf(leaf, within)?;
                if *negated {
                    docs.complement();
                }
                Ok(docs)
            }
        }
    }

    fn leaf(&self, leaf: &Leaf, within: Option<&Docs>) -> Result<Docs> {
        let segment = self.segment;
        let mut docs = Docs::none(segment.reader.max_doc());
        let number = usize::from(leaf.field());
        let (Some(layout), Some(readers)) = (
            segment.layout.fields.get(number),
            segment.fields.get(number),
        ) else {
            return Ok(docs);
        };
        let missing = |number: u64| Term::from_field_u64(segment.layout.missing, number);
        match leaf {
            Leaf::Missing(field) => {
                add_term(
                    &segment.missing,
                    &missing(Layout::missing(*field)),
                    &mut docs,
                )?;
            }
            Leaf::EmptyList(field) => {
                let term = missing(Layout::empty_list(*field));
                add_term(&segment.missing, &term, &mut docs)?;
            }
            Leaf::Eq(_, value) => {
                if let (Some(field), Some(terms)) = (layout.exact, &readers.exact) {
                    add_term(terms, &exact(field, layout.kind, value), &mut docs)?;
                }
            }
            Leaf::In(_, values) => {
                if let (Some(field), Some(terms)) = (layout.exact, &readers.exact) {
                    for value in values {
                        add_term(terms, &exact(field, layout.kind, value), &mut docs)?;
                    }
                }
            }
            Leaf::Range(_, low, high) => {
                let key = |value: &Value| match term(layout.kind, value) {
                    TermOf::Number(number) => Some(number),
                    TermOf::Text(_) => None,
                };
                if let (Some(column), Some(range)) = (&readers.numbers, closed(low, high, key)) {
                    let few_values = readers.exact.as_ref().filter(|terms| {
                        terms.terms().num_terms() * FEW_VALUES < docs.len() as usize
                    });
                    match (few_values, within) {
                        (_, Some(within)) if within.count() < docs.len() as usize / FEW => {
                            add_range_within(column, &range, within, &mut docs);
                        }
                        (Some(terms), _) => add_values(terms, &range, &mut docs)?,
                        (None, _) => add_range(column, &range, &mut docs),
                    }
                }
            }
            Leaf::Like(_, glob) => {
                if let Some(terms) = &readers.exact {
                    add_fitting(terms, start(glob), &fits(glob), &mut docs)?;
                }
            }
            Leaf::Token(_, glob) => {
                if let Some(terms) = &readers.tokens {
                    add_fitting(terms, start(glob), &fits(glob), &mut docs)?;
                }
            }
            Leaf::Fuzzy(_, wanted, distance) => {
                if let Some(terms) = &readers.tokens {
                    let near = |found: &str| is_near(wanted, found, *distance);
                    add_fitting(terms, "", &near, &mut docs)?;
                }
            }
            Leaf::Word(_, token) => {
                if let (Some(field), Some(terms)) = (layout.tokens, &readers.tokens) {
                    add_term(terms, &Term::from_field_text(field, token), &mut docs)?;
                }
            }
            Leaf::Phrase(_, phrase) => {
                if let Some(field) = layout.tokens {
                    self.add_phrase(field, phrase, &mut docs)?;
                }
            }
            Leaf::Within(_, circle) => {
                if let Some((lat, lon)) = &readers.geo {
                    add_circle(lat, lon, circle, within, &mut docs);
                }
            }
        }
        Ok(docs)
    }

    fn add_phrase(&self, field: Field, phrase: &[(String, u32)], docs: &mut Docs) -> Result<()> {
        let terms = phrase
            .iter()
            .map(|(token, offset)| (*offset as usize, Term::from_field_text(field, token)))
            .collect();
        let scoring = EnableScoring::disabled_from_schema(&self.segment.layout.schema);
        let mut found = PhraseQuery::new_with_offset(terms)
            .weight(scoring)
            .and_then(|weight| weight.scorer(&self.segment.reader, 1.0))
            .map_err(engine)?;
        add_all(&mut *found, docs);
        Ok(())
    }
}

/// What a condition costs beside others, roughly: a look-up of terms, a walk over the
/// vocabulary, a walk over documents.
pub(crate) fn price(expr: &Expr) -> u8 {
    match expr {
        Expr::All | Expr::Nothing => 0,
        Expr::Literal { leaf, .. } => match leaf {
            Leaf::Missing(_) | Leaf::EmptyList(_) | Leaf::Eq(..) | Leaf::Word(..) => 0,
            Leaf::In(..) => 1,
            Leaf::Like(..) | Leaf::Token(..) => 2,
            Leaf::Range(..) => 3,
            Leaf::Fuzzy(..) | Leaf::Phrase(..) => 4,
            Leaf::Within(..) => 5,
        },
        Expr::And(children) => children.iter().map(price).min().unwrap_or(0),
        Expr::Or(children) => children.iter().map(price).max().unwrap_or(0),
    }
}

/// About how many nanoseconds the conditions take on a segment of this size.
pub(crate) fn cost(segment: &Segment, expr: &Expr) -> u64 {
    let docs = u64::from(segment.reader.max_doc());
    match expr {
        Expr::All | Expr::Nothing => docs / 32,
        Expr::And(children) | Expr::Or(children) => {
            children.iter().map(|child| cost(segment, child)).sum()
        }
        Expr::Literal { leaf, .. } => {
            let readers = segment.fields.get(usize::from(leaf.field()));
            let vocabulary = readers
                .and_then(|readers| {
                    let terms = match leaf {
                        Leaf::Like(..) => &readers.exact,
                        _ => &readers.tokens,
                    };
                    terms.as_ref().map(|terms| terms.terms().num_terms() as u64)
                })
                .unwrap_or(0);
            let glob = |glob| match start(glob) {
                "" => vocabulary * 40,
                _ => vocabulary,
            };
            1_000
                + match leaf {
                    Leaf::In(_, values) => values.len() as u64 * 1_000,
                    Leaf::Like(_, pattern) | Leaf::Token(_, pattern) => glob(pattern),
                    Leaf::Fuzzy(..) => vocabulary * 150,
                    Leaf::Range(..) => docs * 2,
                    Leaf::Phrase(..) => docs,
                    Leaf::Within(..) => docs * 20,
                    _ => docs / 16,
                }
        }
    }
}

fn exact(field: Field, kind: larder_core::Kind, value: &Value) -> Term {
    match term(kind, value) {
        TermOf::Number(number) => Term::from_field_u64(field, number),
        TermOf::Text(text) => Term::from_field_text(field, &text),
    }
}

fn add_term(terms: &InvertedIndexReader, term: &Term, docs: &mut Docs) -> Result<()> {
    let postings = terms
        .read_postings(term, IndexRecordOption::Basic)
        .map_err(engine)?;
    if let Some(mut postings) = postings {
        add_all(&mut postings, docs);
    }
    Ok(())
}

fn add_all(found: &mut (impl DocSet + ?Sized), docs: &mut Docs) {
    let mut doc = found.doc();
    while doc != TERMINATED {
        docs.insert(doc);
        doc = found.advance();
    }
}

/// Adds the documents of all terms that begin with `start` and pass `test`.
fn add_fitting(
    terms: &InvertedIndexReader,
    start: &str,
    test: &dyn Fn(&str) -> bool,
    docs: &mut Docs,
) -> Result<()> {
    // Every string with this start lies below it followed by a byte that no string has.
    let mut end = start.as_bytes().to_vec();
    end.push(0xff);
    let mut stream = terms
        .terms()
        .range()
        .ge(start)
        .lt(end)
        .into_stream()
        .map_err(engine)?;
    while stream.advance() {
        if std::str::from_utf8(stream.key()).is_ok_and(test) {
            let mut postings = terms
                .read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)
                .map_err(engine)?;
            add_all(&mut postings, docs);
        }
    }
    Ok(())
}

/// The text that all that fits starts with.
fn start(glob: &Glob) -> &str {
    match glob.parts().first() {
        Some(GlobPart::Text(text)) => text,
        _ => "",
    }
}

fn fits(glob: &Glob) -> impl Fn(&str) -> bool {
    let is_prefix = glob.as_prefix().is_some();
    move |text| is_prefix || glob.matches(text)
}

/// A range of keys with both ends in it; `None` if nothing can be.
pub(crate) fn closed(
    low: &Bound<Value>,
    high: &Bound<Value>,
    key: impl Fn(&Value) -> Option<u64>,
) -> Option<RangeInclusive<u64>> {
    // Neighbouring values have neighbouring keys, so a bound left out is the next key's.
    let low = match low {
        Bound::Unbounded => 0,
        Bound::Included(low) => key(low)?,
        Bound::Excluded(low) => key(low)?.checked_add(1)?,
    };
    let high = match high {
        Bound::Unbounded => u64::MAX,
        Bound::Included(high) => key(high)?,
        Bound::Excluded(high) => key(high)?.checked_sub(1)?,
    };
    (low <= high).then_some(low..=high)
}

/// Adds those of `within` whose value lies in the range.
fn add_range_within(
    column: &Column<u64>,
    range: &RangeInclusive<u64>,
    within: &Docs,
    docs: &mut Docs,
) {
    for doc in within.iter() {
        if column
            .values_for_doc(doc)
            .any(|value| range.contains(&value))
        {
            docs.insert(doc);
        }
    }
}

/// Adds the documents of all values in the range: quick where there are few of them.
fn add_values(
    terms: &InvertedIndexReader,
    range: &RangeInclusive<u64>,
    docs: &mut Docs,
) -> Result<()> {
    // tantivy writes numbers so that their bytes order as they do.
    let mut values = terms
        .terms()
        .range()
        .ge(range.start().to_be_bytes())
        .le(range.end().to_be_bytes())
        .into_stream()
        .map_err(engine)?;
    while values.advance() {
        let mut postings = terms
            .read_postings_from_terminfo(values.value(), IndexRecordOption::Basic)
            .map_err(engine)?;
        add_all(&mut postings, docs);
    }
    Ok(())
}

/// Adds the documents whose value lies in the range, reading the whole column.
fn add_range(column: &Column<u64>, range: &RangeInclusive<u64>, docs: &mut Docs) {
    // Outside the column's own bounds tantivy's arithmetic goes wrong: a range that ends below
    // its minimum finds documents (0.27.0, `range_below_a_columns_minimum_finds_nothing`).
    let low = *range.start().max(&column.min_value());
    let high = *range.end().min(&column.max_value());
    if low > high {
        return;
    }
    let mut found = Vec::new();
    column.get_docids_for_value_range(low..=high, 0..docs.len(), &mut found);
    for doc in found {
        docs.insert(doc);
    }
}

fn add_circle(
    lat: &Column<u64>,
    lon: &Column<u64>,
    circle: &Circle,
    within: Option<&Docs>,
    docs: &mut Docs,
) {
    // A point farther north or south than the radius is out without trigonometry. The margin
    // is far above what rounding of the exact test can let in (1.5e-8 rad).
    let reach = (circle.radius_m / GeoPoint::EARTH_RADIUS_M).to_degrees() + 1e-5;
    let mut test = |doc: u32| {
        let points = lat.values_for_doc(doc).zip(lon.values_for_doc(doc));
        for (lat, lon) in points {
            let point = GeoPoint::new(f64::from_bits(lat), f64::from_bits(lon));
            if (point.lat - circle.center.lat).abs() <= reach && circle.contains(point.unit()) {
                docs.insert(doc);
            }
        }
    };
    match within {
        Some(within) => within.iter().for_each(test),
        None => (0..lat.num_docs()).for_each(&mut test),
    }
}

/// How often each document holds a token: calls `each` with document and count.
pub(crate) fn occurrences(
    segment: &Segment,
    field: u16,
    token: &str,
    mut each: impl FnMut(u32, u32),
) -> Result<()> {
    let number = usize::from(field);
    let (Some(Some(field)), Some(Some(terms))) = (
        segment
            .layout
            .fields
            .get(number)
            .map(|layout| layout.tokens),
        segment.fields.get(number).map(|readers| &readers.tokens),
    ) else {
        return Ok(());
    };
    let postings = terms
        .read_postings(
            &Term::from_field_text(field, token),
            IndexRecordOption::WithFreqs,
        )
        .map_err(engine)?;
    if let Some(mut postings) = postings {
        while postings.doc() != TERMINATED {
            each(postings.doc(), postings.term_freq());
            postings.advance();
        }
    }
    Ok(())
}
