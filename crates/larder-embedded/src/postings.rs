//! Postings of a few rows: what a sealed chunk of the overlay is searched by, so that a find
//! beside a thousand pending writes costs little more than beside none.
//!
//! A set of rows is the bits of one word. What stands in the postings is answered from them; what
//! does not (patterns, distances) is asked of the evaluator, row by row.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::quality::FixedState;
use larder_core::document::Values;
use larder_core::expr::{Expr, Leaf};
use larder_core::{Schema, Value};

use crate::index::{TermOf, term};
use crate::overlay::Pending;
use crate::query::{closed, price};

/// A set of rows, one bit each.
pub(crate) type Rows = u32;

/// How many rows there can be.
pub(crate) const MOST: usize = Rows::BITS as usize;

/// Up to which price a condition is asked first under `and`.
const CHEAP: u8 = 1;

/// Where what has been hashed can be read: row, field, and which token or value of it.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    field: usize,
    element: usize,
}

/// What is looked up: a token or a value of a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted<'a> {
    Token(&'a str),
    Value(&'a Value),
}

pub(crate) struct Postings {
    /// By hash: the rows that have what was hashed, and where to read what that was.
    terms: HashMap<u64, (Rows, Place), FixedState>,
    /// Two that differ have one hash: then the terms are not to be used.
    collided: bool,
    fields: Box<[OfField]>,
}

/// The rows by one field.
#[derive(Default)]
struct OfField {
    missing: Rows,
    empty: Rows,
    /// Of ordered kinds: each value's key, and the row that has it.
    numbers: Vec<(u64, u8)>,
}

impl Postings {
    pub(crate) fn of(schema: &Schema, rows: &[Arc<Pending>]) -> Self {
        let mut postings = Self {
            terms: HashMap::with_hasher(FixedState::default()),
            collided: false,
            fields: schema.fields().iter().map(|_| OfField::default()).collect(),
        };
        for (row, pending) in rows.iter().enumerate().take(MOST) {
            let fields = pending.document.fields().iter().zip(schema.fields());
            for (field, (data, spec)) in fields.enumerate() {
                let of_field = &mut postings.fields[field];
                match &data.values {
                    Values::Missing => of_field.missing |= 1 << row,
                    Values::Many(values) if values.is_empty() => of_field.empty |= 1 << row,
                    _ => {}
                }
                for (element, value) in data.values.as_slice().iter().enumerate() {
                    if spec.kind.is_ordered() {
                        if let TermOf::Number(number) = term(spec.kind, value) {
                            postings.fields[field].numbers.push((number, row as u8));
                        }
                        continue;
                    }
                    let place = Place {
                        row,
                        field,
                        element,
                    };
                    postings.add(rows, Wanted::Value(value), place);
                }
            }
            for (field, data) in pending.document.fields().iter().enumerate() {
                let tokens = data.tokens.iter().flat_map(|tokens| tokens.iter());
                for (element, (token, _)) in tokens.enumerate() {
                    let place = Place {
                        row,
                        field,
                        element,
                    };
                    postings.add(rows, Wanted::Token(token), place);
                }
            }
        }
        postings
    }

    fn add(&mut self, rows: &[Arc<Pending>], what: Wanted<'_>, place: Place) {
        let hash = hash(place.field, what);
        let (there, known) = self.terms.entry(hash).or_insert((0, place));
        self.collided |= known.field != place.field || !reads(rows, *known, what);
        *there |= 1 << place.row;
    }

    /// Those of `within` that `expr` means.
    pub(crate) fn matching(
        &self,
        schema: &Schema,
        rows: &[Arc<Pending>],
        expr: &Expr,
        within: Rows,
    ) -> Rows {
        match expr {
            _ if within == 0 => 0,
            Expr::All => within,
            Expr::Nothing => 0,
            Expr::And(children) => {
                let (cheap, dear): (Vec<_>, Vec<_>) =
                    children.iter().partition(|child| price(child) <= CHEAP);
                let children = cheap.into_iter().chain(dear);
                children.fold(within, |left, child| {
                    self.matching(schema, rows, child, left)
                })
            }
            Expr::Or(children) => children.iter().fold(0, |found, child| {
                found | self.matching(schema, rows, child, within & !found)
            }),
            Expr::Literal { leaf, negated } => {
                let found = self.leaf(schema, rows, leaf, within) & within;
                if *negated { within & !found } else { found }
            }
        }
    }

    /// What is in `within` of the answer is right; what is not may be anything.
    fn leaf(&self, schema: &Schema, rows: &[Arc<Pending>], leaf: &Leaf, within: Rows) -> Rows {
        let number = usize::from(leaf.field());
        let (Some(field), Some(spec)) = (self.fields.get(number), schema.fields().get(number))
        else {
            return 0;
        };
        let one_by_one = |within| {
            each(within)
                .filter(|row| leaf.matches(&rows[*row].document))
                .fold(0, |found, row| found | 1 << row)
        };
        let between = |range: std::ops::RangeInclusive<u64>| {
            let found = field.numbers.iter();
            found
                .filter(|(number, _)| range.contains(number))
                .fold(0, |found, (_, row)| found | 1 << row)
        };
        let key = |value: &Value| match term(spec.kind, value) {
            TermOf::Number(number) => Some(number),
            TermOf::Text(_) => None,
        };
        match leaf {
            Leaf::Missing(_) => field.missing,
            Leaf::EmptyList(_) => field.empty,
            Leaf::Range(_, low, high) => closed(low, high, key).map_or(0, between),
            Leaf::Eq(_, value) if spec.kind.is_ordered() => {
                key(value).map_or(0, |number| between(number..=number))
            }
            _ if self.collided => one_by_one(within),
            Leaf::Eq(_, value) => self.rows(rows, number, Wanted::Value(value)),
            Leaf::In(_, values) if !spec.kind.is_ordered() && values.len() <= MOST => {
                values.iter().fold(0, |found, value| {
                    found | self.rows(rows, number, Wanted::Value(value))
                })
            }
            Leaf::Word(_, token) => self.rows(rows, number, Wanted::Token(token)),
            Leaf::Phrase(_, phrase) => {
                one_by_one(phrase.iter().fold(within, |left, (token, _)| {
                    left & self.rows(rows, number, Wanted::Token(token))
                }))
            }
            _ => one_by_one(within),
        }
    }

    fn rows(&self, rows: &[Arc<Pending>], field: usize, what: Wanted<'_>) -> Rows {
        match self.terms.get(&hash(field, what)) {
            Some((there, place)) if place.field == field && reads(rows, *place, what) => *there,
            _ => 0,
        }
    }
}

/// The positions of a set's rows.
pub(crate) fn each(rows: Rows) -> impl Iterator<Item = usize> {
    (0..MOST).filter(move |row| rows & (1 << row) != 0)
}

fn hash(field: usize, what: Wanted<'_>) -> u64 {
    FixedState::default().hash_one((field, what))
}

/// Whether `what` is what stands at `place`.
fn reads(rows: &[Arc<Pending>], place: Place, what: Wanted<'_>) -> bool {
    let data = &rows[place.row].document.fields()[place.field];
    match what {
        Wanted::Value(value) => data.values.as_slice().get(place.element) == Some(value),
        Wanted::Token(token) => data
            .tokens
            .as_ref()
            .is_some_and(|tokens| tokens.get(place.element) == Some(token)),
    }
}
