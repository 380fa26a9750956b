//! Fields of models: what they may hold, and the typed handles that filters are made of.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::filter::{Ast, Filter, TextMatch, TokenShape};
use crate::query::Sort;
use crate::schema::Kind;
use crate::value::{GeoPoint, Value, ValueRef};

/// What a field of an object holds, borrowed.
#[derive(Clone, Copy)]
pub enum FieldRef<'a> {
    /// Nothing: `None`.
    Missing,
    /// One value.
    One(ValueRef<'a>),
    /// Any number of values, none included.
    Many(&'a dyn Elements),
}

impl FieldRef<'_> {
    /// Calls `visit` with each value; stops early when it answers `false`.
    pub fn for_each(self, visit: &mut dyn FnMut(ValueRef<'_>) -> bool) {
        match self {
            Self::Missing => {}
            Self::One(value) => {
                visit(value);
            }
            Self::Many(elements) => elements.visit(visit),
        }
    }
}

impl fmt::Debug for FieldRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values = Vec::new();
        self.for_each(&mut |value| {
            values.push(value.to_value());
            true
        });
        match self {
            Self::Missing => f.write_str("Missing"),
            Self::One(value) => value.fmt(f),
            Self::Many(_) => values.fmt(f),
        }
    }
}

/// The elements of a field that holds many.
pub trait Elements {
    /// Whether there are none.
    fn is_empty(&self) -> bool;
    /// Calls `visit` with each element; stops early when it answers `false`.
    fn visit(&self, visit: &mut dyn FnMut(ValueRef<'_>) -> bool);
}

/// A single value that a field may hold: numbers, strings, dates and so on.
///
/// Derive it (`#[derive(CacheValue)]`) for an enum of unit variants, which is stored by its
/// serde names, and for a struct around one such value.
pub trait Scalar {
    /// Which conditions there are on it.
    type Class: Class;
    /// What kind of value a store sees.
    const KIND: Kind;
    /// The value, borrowed.
    fn value(&self) -> ValueRef<'_>;
}

/// What a declared field may hold: a [`Scalar`], an `Option` of one, a `Vec` or set of them.
pub trait FieldValue {
    /// Which conditions there are on it.
    type Class;
    /// What kind of value a store sees.
    const KIND: Kind;
    /// Whether it holds many values.
    const LIST: bool;
    /// Whether it may be missing.
    const OPTIONAL: bool;
    /// What the field holds, borrowed.
    fn field(&self) -> FieldRef<'_>;
}

impl<S: Scalar> FieldValue for S {
    type Class = S::Class;
    const KIND: Kind = S::KIND;
    const LIST: bool = false;
    const OPTIONAL: bool = false;
    fn field(&self) -> FieldRef<'_> {
        FieldRef::One(self.value())
    }
}

impl<F: FieldValue> FieldValue for Option<F> {
    type Class = F::Class;
    const KIND: Kind = F::KIND;
    const LIST: bool = F::LIST;
    const OPTIONAL: bool = true;
    fn field(&self) -> FieldRef<'_> {
        self.as_ref().map_or(FieldRef::Missing, F::field)
    }
}

macro_rules! list_fields {
    ($($list:ty, $($generic:ident $(: $bound:path)?),+;)*) => {$(
        impl<$($generic $(: $bound)?),+> Elements for $list where S: Scalar {
            fn is_empty(&self) -> bool {
                self.len() == 0
            }
            fn visit(&self, visit: &mut dyn FnMut(ValueRef<'_>) -> bool) {
                for element in self {
                    if !visit(element.value()) {
                        return;
                    }
                }
            }
        }
        impl<$($generic $(: $bound)?),+> FieldValue for $list where S: Scalar {
            type Class = List<S::Class>;
            const KIND: Kind = S::KIND;
            const LIST: bool = true;
            const OPTIONAL: bool = false;
            fn field(&self) -> FieldRef<'_> {
                FieldRef::Many(self)
            }
        }
    )*};
}
list_fields! {
    Vec<S>, S;
    BTreeSet<S>, S;
    HashSet<S, H>, S, H;
}

macro_rules! scalars {
    ($($type:ty => $kind:ident, $class:ty, |$this:ident| $value:expr;)*) => {$(
        impl Scalar for $type {
            type Class = $class;
            const KIND: Kind = Kind::$kind;
            fn value(&self) -> ValueRef<'_> {
                let $this = self;
                $value
            }
        }
    )*};
}
scalars! {
    bool => Bool, Exact<bool>, |this| ValueRef::Bool(*this);
    i8 => I64, Number<i8>, |this| ValueRef::Int(i128::from(*this));
    i16 => I64, Number<i16>, |this| ValueRef::Int(i128::from(*this));
    i32 => I64, Number<i32>, |this| ValueRef::Int(i128::from(*this));
    i64 => I64, Number<i64>, |this| ValueRef::Int(i128::from(*this));
    isize => I64, Number<isize>, |this| ValueRef::Int(*this as i128);
    u8 => U64, Number<u8>, |this| ValueRef::Int(i128::from(*this));
    u16 => U64, Number<u16>, |this| ValueRef::Int(i128::from(*this));
    u32 => U64, Number<u32>, |this| ValueRef::Int(i128::from(*this));
    u64 => U64, Number<u64>, |this| ValueRef::Int(i128::from(*this));
    usize => U64, Number<usize>, |this| ValueRef::Int(*this as i128);
    f32 => F64, Number<f32>, |this| ValueRef::Float(f64::from(*this));
    f64 => F64, Number<f64>, |this| ValueRef::Float(*this);
    char => Keyword, Exact<char>, |this| ValueRef::Char(*this);
    String => Keyword, Keyword, |this| ValueRef::Str(this);
    Box<str> => Keyword, Keyword, |this| ValueRef::Str(this);
    Arc<str> => Keyword, Keyword, |this| ValueRef::Str(this);
    Cow<'static, str> => Keyword, Keyword, |this| ValueRef::Str(this);
    GeoPoint => Geo, Geo, |this| ValueRef::Geo(*this);
    std::time::SystemTime => Instant, Number<std::time::SystemTime>, |this| ValueRef::Int(system_nanos(*this));
}

fn system_nanos(time: std::time::SystemTime) -> i128 {
    let nanos =
        |duration: std::time::Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Utc};

    use super::*;

    fn nanos(moment: DateTime<Utc>) -> i128 {
        // A leap second counts as part of the second before it, as chrono has it.
        i128::from(moment.timestamp()) * 1_000_000_000 + i128::from(moment.timestamp_subsec_nanos())
    }

    impl<Z: TimeZone + 'static> Scalar for DateTime<Z> {
        type Class = Number<DateTime<Z>>;
        const KIND: Kind = Kind::Instant;
        fn value(&self) -> ValueRef<'_> {
            ValueRef::Int(nanos(self.to_utc()))
        }
    }

    scalars! {
        NaiveDateTime => Instant, Number<NaiveDateTime>, |this| ValueRef::Int(nanos(this.and_utc()));
        NaiveDate => Date, Number<NaiveDate>, |this| ValueRef::Int(i128::from(this.num_days_from_ce()) - 719_163);
    }
}

#[cfg(feature = "time")]
mod with_time {
    use time::{Date, OffsetDateTime, PrimitiveDateTime, UtcDateTime};

    use super::*;

    scalars! {
        OffsetDateTime => Instant, Number<OffsetDateTime>, |this| ValueRef::Int(this.unix_timestamp_nanos());
        UtcDateTime => Instant, Number<UtcDateTime>, |this| ValueRef::Int(this.unix_timestamp_nanos());
        PrimitiveDateTime => Instant, Number<PrimitiveDateTime>, |this| ValueRef::Int(this.assume_utc().unix_timestamp_nanos());
        Date => Date, Number<Date>, |this| ValueRef::Int(i128::from(this.to_julian_day()) - 2_440_588);
    }
}

#[cfg(feature = "uuid")]
scalars! {
    uuid::Uuid => Uuid, Exact<uuid::Uuid>, |this| ValueRef::Uuid(this.as_u128());
}

#[cfg(feature = "decimal")]
scalars! {
    rust_decimal::Decimal => Decimal, Number<rust_decimal::Decimal>, |this| ValueRef::Decimal {
        mantissa: this.mantissa(),
        scale: this.scale(),
    };
}

/// Which conditions there are on a field; a type only, never a value.
pub trait Class {
    /// The same conditions, with arguments of type `T`: for a struct around one value.
    type As<T>;
}

/// Conditions of equality alone, with arguments of type `T`: truth values, characters, enums,
/// UUIDs.
#[derive(Debug)]
pub struct Exact<T>(PhantomData<T>);
/// Conditions of equality and order, with arguments of type `T`: numbers, instants, dates.
#[derive(Debug)]
pub struct Number<T>(PhantomData<T>);
/// Conditions on a string as a whole.
#[derive(Debug)]
pub struct Keyword;
/// Conditions on a point on the earth.
#[derive(Debug)]
pub struct Geo;
/// Conditions on the elements of a list or set, each of class `C`.
#[derive(Debug)]
pub struct List<C>(PhantomData<C>);

impl<U> Class for Exact<U> {
    type As<T> = Exact<T>;
}
impl<U> Class for Number<U> {
    type As<T> = Number<T>;
}
impl Class for Keyword {
    type As<T> = Keyword;
}
impl Class for Geo {
    type As<T> = Geo;
}

/// An option that the field was declared with.
#[derive(Debug)]
pub struct Yes;
/// An option that the field was declared without.
#[derive(Debug)]
pub struct No;
/// Which of `index`, `text` and `sort` a field was declared with, as a type.
#[derive(Debug)]
pub struct Caps<Index, Text, Sort>(PhantomData<(Index, Text, Sort)>);

/// A handle of one declared field of the model `M`: what filters, sorts and facets start from.
///
/// A handle has just the methods that the field's type and declaration allow, so a condition
/// that cannot be answered does not compile.
pub struct Field<M, C, K> {
    position: u16,
    marker: Marker<M, C, K>,
}

/// Ties a handle to its types without owning any.
type Marker<M, C, K> = PhantomData<fn() -> (M, C, K)>;

impl<M, C, K> Clone for Field<M, C, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, C, K> Copy for Field<M, C, K> {}

impl<M, C, K> fmt::Debug for Field<M, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.position)
    }
}

impl<M, C, K> Field<M, C, K> {
    /// The handle of the field at `position`: what derived code is made of, and the way to a
    /// filter over fields that are known at run time only ([`Schema::position`] finds one by name).
    ///
    /// The types are the caller's word. A condition that the field does not answer is
    /// `InvalidFilter` when the filter is used.
    ///
    /// [`Schema::position`]: crate::Schema::position
    pub const fn at(position: u16) -> Self {
        Self {
            position,
            marker: PhantomData,
        }
    }

    /// The field's position in the model's schema.
    pub const fn position(self) -> u16 {
        self.position
    }

    /// The field is missing (`None`). An empty string or list is not missing.
    pub fn is_none(self) -> Filter<M> {
        Filter::leaf(Ast::Missing(self.position))
    }

    /// The field is not missing.
    pub fn is_some(self) -> Filter<M> {
        !self.is_none()
    }

    fn equal(self, value: Value) -> Filter<M> {
        Filter::leaf(Ast::Eq(self.position, value))
    }

    fn one_of(self, values: impl IntoIterator<Item = Value>) -> Filter<M> {
        Filter::leaf(Ast::In(self.position, values.into_iter().collect()))
    }
}

impl<M, C, I, T> Field<M, C, Caps<I, T, Yes>> {
    /// Smallest first; objects without a value last.
    pub fn asc(self) -> Sort<M> {
        Sort::new(self.position, false)
    }

    /// Largest first; objects without a value last here too.
    pub fn desc(self) -> Sort<M> {
        Sort::new(self.position, true)
    }
}

/// Declares a condition and its optional twin, which is skipped when given `None`.
macro_rules! condition {
    ($(#[$doc:meta])* $name:ident, $optional:ident, ($argument:ident: $type:ty), |$this:ident| $body:expr) => {
        $(#[$doc])*
        pub fn $name(self, $argument: $type) -> Filter<M> {
            let $this = self;
            $body
        }

        #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), "), or skipped if there is no value to compare with.")]
        pub fn $optional(self, $argument: Option<$type>) -> Filter<M> {
            match $argument {
                Some($argument) => self.$name($argument),
                None => Filter::skipped(),
            }
        }
    };
}

macro_rules! equality {
    ($class:ty, $argument:ty, [$($bound:tt)*], |$value:ident| $to_value:expr) => {
        impl<M, $($bound)* X, S> Field<M, $class, Caps<Yes, X, S>> {
            condition! {
                /// The field equals the value.
                eq, eq_if, (value: $argument), |this| {
                    let $value = value;
                    this.equal($to_value)
                }
            }
            condition! {
                /// The field does not equal the value; an object without a value is included.
                ne, ne_if, (value: $argument), |this| !this.eq(value)
            }
            condition! {
                /// The field equals one of the values; of no values, nothing is.
                in_, in_if, (values: impl IntoIterator<Item = $argument>), |this| {
                    this.one_of(values.into_iter().map(|$value| $to_value))
                }
            }
            condition! {
                /// The field equals none of the values; an object without a value is included.
                not_in, not_in_if, (values: impl IntoIterator<Item = $argument>), |this| !this.in_(values)
            }
        }

        impl<M, $($bound)* X, S> Field<M, List<$class>, Caps<Yes, X, S>> {
            condition! {
                /// Some element equals the value.
                contains, contains_if, (value: $argument), |this| {
                    let $value = value;
                    this.equal($to_value)
                }
            }
            condition! {
                /// Some element equals one of the values; of no values, nothing does.
                contains_any, contains_any_if, (values: impl IntoIterator<Item = $argument>), |this| {
                    this.one_of(values.into_iter().map(|$value| $to_value))
                }
            }
            condition! {
                /// For each of the values some element equals it; of no values, always true.
                contains_all, contains_all_if, (values: impl IntoIterator<Item = $argument>), |this| {
                    Filter::all_of(values.into_iter().map(|$value| this.equal($to_value)))
                }
            }
        }
    };
}
equality!(Exact<A>, A, [A: Scalar,], |value| value.value().to_value());
equality!(Number<A>, A, [A: Scalar,], |value| value.value().to_value());
equality!(Keyword, impl AsRef<str>, [], |value| Value::Str(
    value.as_ref().to_owned()
));

impl<M, C, X, S> Field<M, List<C>, Caps<Yes, X, S>> {
    /// The list is there and has no elements.
    pub fn is_empty(self) -> Filter<M> {
        Filter::leaf(Ast::EmptyList(self.position))
    }
}

impl<M, X, S> Field<M, Exact<bool>, Caps<Yes, X, S>> {
    /// The field is true.
    pub fn is_true(self) -> Filter<M> {
        self.eq(true)
    }

    /// The field is false; a missing one is neither.
    pub fn is_false(self) -> Filter<M> {
        self.eq(false)
    }
}

impl<M, A: Scalar, X, S> Field<M, Number<A>, Caps<Yes, X, S>> {
    condition! {
        /// The field is less than the value.
        lt, lt_if, (value: A), |this| this.range(Bound::Unbounded, Bound::Excluded(&value))
    }
    condition! {
        /// The field is less than the value or equal to it.
        le, le_if, (value: A), |this| this.range(Bound::Unbounded, Bound::Included(&value))
    }
    condition! {
        /// The field is greater than the value.
        gt, gt_if, (value: A), |this| this.range(Bound::Excluded(&value), Bound::Unbounded)
    }
    condition! {
        /// The field is greater than the value or equal to it.
        ge, ge_if, (value: A), |this| this.range(Bound::Included(&value), Bound::Unbounded)
    }
    condition! {
        /// The field lies in the range, its ends as Rust's ranges have them (`1..5`, `1..=5`).
        /// A range that ends before it begins holds nothing; `..` holds every present value.
        between, between_if, (range: impl RangeBounds<A>), |this| {
            this.range(range.start_bound(), range.end_bound())
        }
    }

    fn range(self, low: Bound<&A>, high: Bound<&A>) -> Filter<M> {
        let value = |bound: Bound<&A>| bound.map(|value| value.value().to_value());
        Filter::leaf(Ast::Range(self.position, value(low), value(high)))
    }
}

impl<M, X, S> Field<M, Keyword, Caps<Yes, X, S>> {
    condition! {
        /// The whole string starts with this one. Every present value starts with `""`.
        starts_with, starts_with_if, (start: impl AsRef<str>), |this| {
            Filter::leaf(Ast::Like(this.position, vec![start.as_ref().to_owned(), String::new()]))
        }
    }
    condition! {
        /// The whole string ends with this one. Every present value ends with `""`.
        ends_with, ends_with_if, (end: impl AsRef<str>), |this| {
            Filter::leaf(Ast::Like(this.position, vec![String::new(), end.as_ref().to_owned()]))
        }
    }
    condition! {
        /// This string stands somewhere in the whole one. `""` stands in every present value.
        contains, contains_if, (part: impl AsRef<str>), |this| {
            Filter::leaf(Ast::Like(
                this.position,
                vec![String::new(), part.as_ref().to_owned(), String::new()],
            ))
        }
    }
    condition! {
        /// The whole string fits the pattern, in which `*` stands for anything or nothing, and
        /// every other character for itself.
        like, like_if, (pattern: impl AsRef<str>), |this| {
            let parts = pattern.as_ref().split('*').map(str::to_owned).collect();
            Filter::leaf(Ast::Like(this.position, parts))
        }
    }
}

impl<M, X, S> Field<M, Geo, Caps<Yes, X, S>> {
    /// The point lies within `radius_m` metres of `center`, on a sphere.
    ///
    /// A radius of zero or less holds nothing but the very point.
    pub fn within(self, center: GeoPoint, radius_m: f64) -> Filter<M> {
        Filter::leaf(Ast::Within(self.position, center, radius_m))
    }

    /// [`within`](Self::within), or skipped if there is no center.
    pub fn within_if(self, center: Option<GeoPoint>, radius_m: f64) -> Filter<M> {
        center.map_or_else(Filter::skipped, |center| self.within(center, radius_m))
    }
}

impl<M, C, I, S> Field<M, C, Caps<I, Yes, S>> {
    condition! {
        /// Every word of the text occurs in the field, in any order.
        matches, matches_if, (text: impl AsRef<str>), |this| this.text(TextMatch::All, text.as_ref())
    }
    condition! {
        /// Some word of the text occurs in the field.
        any, any_if, (text: impl AsRef<str>), |this| this.text(TextMatch::Any, text.as_ref())
    }
    condition! {
        /// The words of the text occur next to each other, in this order.
        phrase, phrase_if, (text: impl AsRef<str>), |this| this.text(TextMatch::Phrase, text.as_ref())
    }
    condition! {
        /// Some word of the field starts with this; one character is enough. Folded like the
        /// field's words, never stemmed.
        prefix, prefix_if, (start: impl AsRef<str>), |this| this.tokens(TokenShape::Prefix, start.as_ref())
    }
    condition! {
        /// Some word of the field ends with this.
        suffix, suffix_if, (end: impl AsRef<str>), |this| this.tokens(TokenShape::Suffix, end.as_ref())
    }
    condition! {
        /// Some word of the field holds this somewhere.
        infix, infix_if, (part: impl AsRef<str>), |this| this.tokens(TokenShape::Infix, part.as_ref())
    }
    condition! {
        /// Some word of the field fits the pattern: `*` stands for anything or nothing, `?` for
        /// one letter or digit (what is neither counts as two).
        wildcard, wildcard_if, (pattern: impl AsRef<str>), |this| this.tokens(TokenShape::Wildcard, pattern.as_ref())
    }

    /// Some word of the field is at most `distance` (1 to 3) insertions, deletions and
    /// replacements away from `term` (Levenshtein, no transpositions).
    pub fn fuzzy(self, term: impl AsRef<str>, distance: u8) -> Filter<M> {
        Filter::leaf(Ast::Fuzzy(
            self.position,
            term.as_ref().to_owned(),
            distance,
        ))
    }

    /// [`fuzzy`](Self::fuzzy), or skipped if there is no term.
    pub fn fuzzy_if(self, term: Option<impl AsRef<str>>, distance: u8) -> Filter<M> {
        term.map_or_else(Filter::skipped, |term| self.fuzzy(term, distance))
    }

    fn text(self, mode: TextMatch, text: &str) -> Filter<M> {
        Filter::leaf(Ast::Text(self.position, mode, text.to_owned()))
    }

    fn tokens(self, shape: TokenShape, pattern: &str) -> Filter<M> {
        Filter::leaf(Ast::Tokens(self.position, shape, pattern.to_owned()))
    }
}
