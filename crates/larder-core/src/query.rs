//! Queries: filter, order, page; and the answers to them.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::field::FieldRef;
use crate::id::IdKey;
use crate::model::Object;
use crate::schema::{Schema, fnv1a};
use crate::store::Found;
use crate::value::{GeoPoint, Value};

/// The most keys one answer can be ordered by.
pub const MAX_SORT_KEYS: usize = 3;

/// The furthest that paging by offset goes; a cursor goes on from there.
pub const MAX_OFFSET: usize = 10_000;

/// One key of an order over the model `M`; made by a handle's `asc` and `desc`.
#[derive(Debug)]
pub struct Sort<M> {
    key: SortKey,
    marker: PhantomData<fn() -> M>,
}

impl<M> Clone for Sort<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Sort<M> {}

impl<M> Sort<M> {
    pub(crate) fn new(field: u16, descending: bool) -> Self {
        Self {
            key: SortKey { field, descending },
            marker: PhantomData,
        }
    }

    /// The untyped key.
    pub fn key(self) -> SortKey {
        self.key
    }
}

/// One key of an order, untyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// The field's position.
    pub field: u16,
    /// Largest first.
    pub descending: bool,
}

/// In which order an answer comes. Behind every order stands the id, so each is total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id.
    Id,
    /// By relevance, the best first.
    Relevance,
    /// By these keys.
    Keys(Vec<SortKey>),
}

/// What to bring of each object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Projection {
    /// The object.
    #[default]
    Objects,
    /// Its id alone.
    Ids,
}

/// A query, bound to a schema and checked: what a store answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// Which objects.
    pub expr: Expr,
    /// In which order.
    pub order: Order,
    /// How many to leave out at the start; at most [`MAX_OFFSET`].
    pub offset: usize,
    /// How many to bring at most; all of them without.
    pub limit: Option<usize>,
    /// Begin behind this place.
    pub after: Option<Place>,
    /// Whether to count all that match.
    pub total: bool,
    /// What to bring of each.
    pub projection: Projection,
}

/// A place in an order: the keys and the id of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The row's values of the order's keys.
    pub keys: Vec<Option<Value>>,
    /// Its id.
    pub id: IdKey,
}

impl Query {
    /// A query for all that `expr` means, in the order it has when none is given: by relevance
    /// if it asks for words, else by id.
    pub fn new(expr: Expr) -> Self {
        Self {
            order: if expr.has_text() {
                Order::Relevance
            } else {
                Order::Id
            },
            expr,
            offset: 0,
            limit: None,
            after: None,
            total: false,
            projection: Projection::Objects,
        }
    }

    /// Orders the answer. No keys: as [`Query::new`] has it.
    ///
    /// # Errors
    /// `InvalidFilter`: a field that is not sortable, more than three keys, one field twice.
    pub fn with_sort(mut self, schema: &Schema, keys: Vec<SortKey>) -> Result<Self> {
        if keys.len() > MAX_SORT_KEYS {
            return Err(Error::invalid_filter(format!(
                "{} sort keys are given, at most {MAX_SORT_KEYS} can be",
                keys.len()
            )));
        }
        for (position, key) in keys.iter().enumerate() {
            let spec = schema.field(key.field)?;
            if !spec.sort {
                return Err(Error::invalid_filter(format!(
                    "field `{}` is not sortable; declare it `sort`",
                    spec.name
                ))
                .with_model(schema.name()));
            }
            if keys[..position]
                .iter()
                .any(|other| other.field == key.field)
            {
                return Err(Error::invalid_filter(format!(
                    "field `{}` stands twice in the sort",
                    spec.name
                )));
            }
        }
        if !keys.is_empty() {
            self.order = Order::Keys(keys);
        }
        Ok(self)
    }

    /// Checks what no single part shows.
    ///
    /// # Errors
    /// `InvalidFilter`: an offset beyond 10,000; a cursor together with an offset; a cursor in
    /// an order by relevance.
    pub fn checked(self) -> Result<Self> {
        if self.offset > MAX_OFFSET {
            return Err(Error::invalid_filter(format!(
                "offset {} is beyond {MAX_OFFSET}; page on with `.after(cursor)`, which costs the same on every page",
                self.offset
            )));
        }
        if self.after.is_some() && self.offset > 0 {
            return Err(Error::invalid_filter(
                "a cursor and an offset are given; the cursor alone says where to begin",
            ));
        }
        if self.after.is_some() && self.order == Order::Relevance {
            return Err(Error::invalid_filter(
                "a cursor needs an order that stays; relevance changes with every write: add `.sort(..)`",
            ));
        }
        Ok(self)
    }

    /// The order's keys; none if it is by id or relevance.
    pub fn keys(&self) -> &[SortKey] {
        match &self.order {
            Order::Keys(keys) => keys,
            Order::Id | Order::Relevance => &[],
        }
    }

    /// A number that tells this filter and order from others: cursors carry it.
    fn signature(&self, schema: &Schema) -> u64 {
        let mut bytes = self.expr.canonical();
        bytes.extend_from_slice(&schema.fingerprint().to_be_bytes());
        for key in self.keys() {
            bytes.extend_from_slice(&key.field.to_be_bytes());
            bytes.push(u8::from(key.descending));
        }
        fnv1a(&bytes)
    }

    /// Begins behind the row that `cursor` stands for.
    ///
    /// # Errors
    /// `InvalidFilter` if the cursor is damaged or comes from another filter or order.
    pub fn with_cursor(mut self, schema: &Schema, cursor: &Cursor) -> Result<Self> {
        if cursor.signature != self.signature(schema)
            || cursor.place.keys.len() != self.keys().len()
        {
            return Err(Error::invalid_filter(
                "the cursor belongs to another query; a cursor goes on only with the filter and the sort that it came from",
            ));
        }
        self.after = Some(cursor.place.clone());
        Ok(self)
    }

    /// The cursor that goes on behind `place`; none in an order by relevance.
    pub fn cursor(&self, schema: &Schema, place: Place) -> Option<Cursor> {
        (self.order != Order::Relevance).then(|| Cursor {
            signature: self.signature(schema),
            place,
        })
    }
}

impl Place {
    /// Where an object stands in an order by `keys`.
    pub fn of(schema: &Schema, keys: &[SortKey], object: &dyn Object, id: &IdKey) -> Self {
        let key = |key: &SortKey| match object.field(key.field) {
            FieldRef::One(value) => {
                let normal = schema.field(key.field).ok()?.normalize(value).ok()?;
                Some(normal.into_value())
            }
            FieldRef::Missing | FieldRef::Many(_) => None,
        };
        Self {
            keys: keys.iter().map(key).collect(),
            id: id.clone(),
        }
    }

    /// Which of two places comes first by `keys`: missing last both ways, then by id.
    pub fn cmp_by(&self, other: &Self, keys: &[SortKey]) -> Ordering {
        for (key, (a, b)) in keys.iter().zip(self.keys.iter().zip(&other.keys)) {
            let order = match (a, b) {
                (Some(a), Some(b)) if key.descending => b.cmp(a),
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            if order.is_ne() {
                return order;
            }
        }
        self.id.cmp(&other.id)
    }
}

/// A place between two rows of one query's answer, to go on from. Opaque; safe to hand to a
/// browser and to take back, since another query refuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    signature: u64,
    place: Place,
}

impl Cursor {
    pub(crate) fn into_place(self) -> Place {
        self.place
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&self.signature.to_be_bytes());
        bytes.push(self.place.keys.len() as u8);
        for key in &self.place.keys {
            write_value(key.as_ref(), &mut bytes);
        }
        bytes.extend_from_slice(self.place.id.as_bytes());
        // A place that was changed on the way is still a place: only a sum over it all tells.
        let sum = fnv1a(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.as_bytes();
        let bytes: Option<Vec<u8>> = digits
            .chunks(2)
            .map(|pair| {
                let high = char::from(*pair.first()?).to_digit(16)?;
                let low = char::from(*pair.get(1)?).to_digit(16)?;
                Some((high * 16 + low) as u8)
            })
            .collect();
        bytes
            .and_then(|bytes| read_cursor(&bytes))
            .ok_or_else(|| Error::invalid_filter("the cursor is damaged; begin at the first page"))
    }
}

fn read_cursor(bytes: &[u8]) -> Option<Cursor> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    if fnv1a(bytes) != u64::from_be_bytes(*sum) {
        return None;
    }
    let (&version, mut rest) = bytes.split_first()?;
    if version != 1 {
        return None;
    }
    let signature = u64::from_be_bytes(take(&mut rest)?);
    let [count] = take(&mut rest)?;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(read_value(&mut rest)?);
    }
    Some(Cursor {
        signature,
        place: Place {
            keys,
            id: IdKey::from_bytes(rest),
        },
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn write_value(value: Option<&Value>, out: &mut Vec<u8>) {
    match value {
        None => out.push(0),
        Some(Value::Bool(bool)) => out.extend_from_slice(&[1, u8::from(*bool)]),
        Some(Value::Int(int)) => {
            out.push(2);
            out.extend_from_slice(&int.to_be_bytes());
        }
        Some(Value::Float(float)) => {
            out.push(3);
            out.extend_from_slice(&float.to_bits().to_be_bytes());
        }
        Some(Value::Decimal { mantissa, scale }) => {
            out.push(4);
            out.extend_from_slice(&mantissa.to_be_bytes());
            out.extend_from_slice(&scale.to_be_bytes());
        }
        Some(Value::Str(text)) => {
            out.push(5);
            crate::value::write_bytes(text.as_bytes(), out);
        }
        Some(Value::Uuid(uuid)) => {
            out.push(6);
            out.extend_from_slice(&uuid.to_be_bytes());
        }
        Some(Value::Geo(point)) => {
            out.push(7);
            out.extend_from_slice(&point.lat.to_bits().to_be_bytes());
            out.extend_from_slice(&point.lon.to_bits().to_be_bytes());
        }
    }
}

fn read_value(rest: &mut &[u8]) -> Option<Option<Value>> {
    let float = |rest: &mut &[u8]| {
        let float = f64::from_bits(u64::from_be_bytes(take(rest)?));
        (!float.is_nan()).then_some(float)
    };
    let [code] = take(rest)?;
    Some(Some(match code {
        0 => return Some(None),
        1 => Value::Bool(take::<1>(rest)? == [1]),
        2 => Value::Int(i128::from_be_bytes(take(rest)?)),
        3 => Value::Float(float(rest)?),
        4 => Value::Decimal {
            mantissa: i128::from_be_bytes(take(rest)?),
            scale: u32::from_be_bytes(take(rest)?),
        },
        5 => {
            let len = usize::try_from(u64::from_be_bytes(take(rest)?)).ok()?;
            let (head, tail) = rest.split_at_checked(len)?;
            *rest = tail;
            Value::Str(String::from_utf8(head.to_vec()).ok()?)
        }
        6 => Value::Uuid(u128::from_be_bytes(take(rest)?)),
        7 => Value::Geo(GeoPoint::new(float(rest)?, float(rest)?)),
        _ => return None,
    }))
}

/// One row of a store's answer.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// The object, unless ids alone were asked for.
    pub found: Option<Found>,
}

/// A store's answer to a [`Query`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows of the page, in order.
    pub rows: Vec<Row>,
    /// How many match in all, if that was asked.
    pub total: Option<Total>,
    /// Whether that is all.
    pub extent: Extent,
}

/// How many objects match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Just so many.
    Exact(u64),
    /// So many were seen; there may be more.
    AtLeast(u64),
}

impl Total {
    /// The number, exact or not.
    pub fn count(self) -> u64 {
        match self {
            Self::Exact(count) | Self::AtLeast(count) => count,
        }
    }
}

/// Whether an answer is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Nothing that matches comes behind the last row.
    Exhausted,
    /// Something may be left out, for this reason.
    Truncated(Truncation),
}

impl Extent {
    /// Whether nothing is left out.
    pub fn is_exhausted(self) -> bool {
        self == Self::Exhausted
    }
}

/// Why an answer is not all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Truncation {
    /// The query's own limit: more rows match than the page holds.
    Limit,
    /// A limit of the server that could not be raised.
    ServerLimit,
    /// The server ran out of time.
    Timeout,
    /// The index is still being built.
    Indexing,
    /// The loader that was asked did not bring all, by its own account.
    Source,
}

/// One page of an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The objects, or their ids, in order.
    pub items: Vec<T>,
    /// How many match in all, if [`with_total`](crate::Find::with_total) asked for it.
    pub total: Option<Total>,
    /// Whether that is all.
    pub extent: Extent,
    /// Where the next page begins; none behind the last row, or in an order by relevance.
    pub next: Option<Cursor>,
    /// Whether it comes from a cache that is known to hold all of it.
    pub(crate) covered: bool,
    /// Whether rows were left out whose bytes could not be read.
    pub(crate) dropped: bool,
}

impl<T> Page<T> {
    pub(crate) fn new(
        items: Vec<T>,
        total: Option<Total>,
        extent: Extent,
        next: Option<Cursor>,
    ) -> Self {
        Self {
            items,
            total,
            extent,
            next,
            covered: false,
            dropped: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i128>().prop_map(Value::Int),
            any::<f64>()
                .prop_filter("a number", |float| !float.is_nan())
                .prop_map(Value::Float),
            (any::<i128>(), any::<u32>())
                .prop_map(|(mantissa, scale)| Value::Decimal { mantissa, scale }),
            any::<String>().prop_map(Value::Str),
            any::<u128>().prop_map(Value::Uuid),
            (-90.0..=90.0, -180.0..=180.0)
                .prop_map(|(lat, lon)| Value::Geo(GeoPoint::new(lat, lon))),
        ]
    }

    fn any_cursor() -> impl Strategy<Value = Cursor> {
        (
            any::<u64>(),
            proptest::collection::vec(proptest::option::of(any_value()), 0..=MAX_SORT_KEYS),
            proptest::collection::vec(any::<u8>(), 0..40),
        )
            .prop_map(|(signature, keys, id)| Cursor {
                signature,
                place: Place {
                    keys,
                    id: IdKey::from_bytes(&id),
                },
            })
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_from_its_text(cursor in any_cursor()) {
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor));
        }

        #[test]
        fn a_mangled_cursor_is_refused(
            cursor in any_cursor(), at: usize, other in "[0-9a-f]|\\PC", kind in 0..4,
        ) {
            let text = cursor.to_string();
            let at = at % text.len();
            let (head, tail) = text.split_at(at);
            let mangled = match kind {
                0 => format!("{head}{other}{tail}"),
                1 => format!("{head}{other}{}", &tail[1..]),
                2 => head.to_owned(),
                _ => format!("{head}{}", tail.get(2..).unwrap_or_default()),
            };
            let read = mangled.parse::<Cursor>();
            prop_assert_eq!(read.is_ok(), mangled.to_lowercase() == text);
        }

        #[test]
        fn any_text_reads_as_a_cursor_or_not_without_a_panic(text: String, bytes: Vec<u8>) {
            prop_assert!(text.parse::<Cursor>().is_err());
            let sealed = [&bytes[..], &fnv1a(&bytes).to_be_bytes()].concat();
            if let Some(cursor) = read_cursor(&sealed) {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor));
            }
        }
    }
}
