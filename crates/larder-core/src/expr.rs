//! Filters bound to a schema, in normal form: what stores execute and caches key by.
//!
//! Negation stands on leaves only; `and` and `or` are flat, sorted and without repeats; integer
//! ranges are closed and within the field's type; ranges on one field under one `and` are one.
//! Reordering conditions, doubling them or writing a double negation changes nothing.

use std::ops::Bound;

pub use crate::eval::is_near;

use crate::error::{Error, Result};
use crate::filter::{Ast, Filter, TextMatch, TokenShape};
use crate::glob::{Glob, GlobPart};
use crate::schema::{FieldSpec, Kind, MAX_KEYWORD_BYTES, Scaled, Schema, decimal_to_f64, rescale};
use crate::text::{Analyzer, MAX_TOKEN_UNITS, encode, encode_char};
use crate::value::{GeoPoint, Value, fold_case};

/// A filter in normal form.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Every object.
    All,
    /// No object.
    Nothing,
    /// All of at least two.
    And(Vec<Expr>),
    /// At least one of at least two.
    Or(Vec<Expr>),
    /// A condition, or its complement.
    Literal {
        /// The condition.
        leaf: Leaf,
        /// Whether the complement is meant.
        negated: bool,
    },
}

/// One condition on one field. On a missing value each is false, but `Missing`.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// The field is missing.
    Missing(u16),
    /// The field is a list without elements.
    EmptyList(u16),
    /// The value, or some element, equals this.
    Eq(u16, Value),
    /// The value, or some element, equals one of these: at least two, in order.
    In(u16, Vec<Value>),
    /// The value lies between the two. Integers always have closed or open-ended bounds within
    /// 64 bits; at least one side is bounded.
    Range(u16, Bound<Value>, Bound<Value>),
    /// The keyword fits the pattern.
    Like(u16, Glob),
    /// The point lies within a radius.
    Within(u16, Circle),
    /// The encoded token occurs.
    Word(u16, String),
    /// The encoded tokens occur, each at its distance from the first; at least two.
    Phrase(u16, Vec<(String, u32)>),
    /// Some encoded token fits the pattern.
    Token(u16, Glob),
    /// Some encoded token is at most this Levenshtein distance (1 to 3) away.
    Fuzzy(u16, String, u8),
}

/// All points within a distance of a center.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// The center.
    pub center: GeoPoint,
    /// The distance in metres.
    pub radius_m: f64,
    unit: [f64; 3],
    cos: f64,
}

impl Circle {
    fn new(center: GeoPoint, radius_m: f64) -> Self {
        Self {
            center,
            radius_m,
            unit: center.unit(),
            cos: (radius_m / GeoPoint::EARTH_RADIUS_M).cos(),
        }
    }

    /// The unit vector to the center.
    pub fn unit(&self) -> [f64; 3] {
        self.unit
    }

    /// The least product of a point's unit vector with [`unit`](Self::unit) that is within.
    pub fn cos(&self) -> f64 {
        self.cos
    }

    /// Whether the point with this unit vector lies within: the one expression that every
    /// store uses, in plain `f64` without fused operations.
    pub fn contains(&self, [x, y, z]: [f64; 3]) -> bool {
        let [qx, qy, qz] = self.unit;
        (x * qx + y * qy) + z * qz >= self.cos
    }
}

impl Leaf {
    /// The field that the condition is on.
    pub fn field(&self) -> u16 {
        match self {
            Self::Missing(field)
            | Self::EmptyList(field)
            | Self::Eq(field, _)
            | Self::In(field, _)
            | Self::Range(field, ..)
            | Self::Like(field, _)
            | Self::Within(field, _)
            | Self::Word(field, _)
            | Self::Phrase(field, _)
            | Self::Token(field, _)
            | Self::Fuzzy(field, ..) => *field,
        }
    }

    /// Whether the condition is on a text's words.
    pub fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Word(..) | Self::Phrase(..) | Self::Token(..) | Self::Fuzzy(..)
        )
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        let value = |value: &Value, out: &mut Vec<u8>| value.as_ref().write_canonical(out);
        let mut head = |code: u8, field: u16| {
            out.push(code);
            out.extend_from_slice(&field.to_be_bytes());
        };
        match self {
            Self::Missing(field) => head(0, *field),
            Self::EmptyList(field) => head(1, *field),
            Self::Eq(field, wanted) => {
                head(2, *field);
                value(wanted, out);
            }
            Self::In(field, wanted) => {
                head(3, *field);
                out.extend_from_slice(&(wanted.len() as u64).to_be_bytes());
                for wanted in wanted {
                    value(wanted, out);
                }
            }
            Self::Range(field, low, high) => {
                head(4, *field);
                for bound in [low, high] {
                    match bound {
                        Bound::Unbounded => out.push(0),
                        Bound::Included(end) => {
                            out.push(1);
                            value(end, out);
                        }
                        Bound::Excluded(end) => {
                            out.push(2);
                            value(end, out);
                        }
                    }
                }
            }
            Self::Like(field, glob) => {
                head(5, *field);
                glob.write_canonical(out);
            }
            Self::Within(field, circle) => {
                head(6, *field);
                value(&Value::Geo(circle.center), out);
                value(&Value::Float(circle.radius_m), out);
            }
            Self::Word(field, token) => {
                head(7, *field);
                crate::value::write_bytes(token.as_bytes(), out);
            }
            Self::Phrase(field, tokens) => {
                head(8, *field);
                out.extend_from_slice(&(tokens.len() as u64).to_be_bytes());
                for (token, offset) in tokens {
                    crate::value::write_bytes(token.as_bytes(), out);
                    out.extend_from_slice(&offset.to_be_bytes());
                }
            }
            Self::Token(field, glob) => {
                head(9, *field);
                glob.write_canonical(out);
            }
            Self::Fuzzy(field, token, distance) => {
                head(10, *field);
                crate::value::write_bytes(token.as_bytes(), out);
                out.push(*distance);
            }
        }
    }
}

impl Expr {
    /// Binds a filter to the model's schema.
    ///
    /// # Errors
    /// `InvalidFilter`: all conditions skipped; too large; a field without the index the
    /// condition needs; NaN; text of no words; a distance beyond 1 to 3; a point off the globe.
    pub fn bind<M>(filter: Filter<M>, schema: &Schema) -> Result<Self> {
        filter
            .into_ast()
            .and_then(|ast| Binder { schema }.bind(&ast, false))
            .map_err(|error| error.with_model(schema.name()))
    }

    /// Bytes that are equal exactly for filters of equal normal form.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::All => out.push(0),
            Self::Nothing => out.push(1),
            Self::And(children) | Self::Or(children) => {
                out.push(if matches!(self, Self::And(_)) { 2 } else { 3 });
                out.extend_from_slice(&(children.len() as u64).to_be_bytes());
                for child in children {
                    child.write_canonical(out);
                }
            }
            Self::Literal { leaf, negated } => {
                out.push(4 + u8::from(*negated));
                leaf.write_canonical(out);
            }
        }
    }

    /// Whether words of a text are asked for: then objects rank by relevance unless sorted.
    pub fn has_text(&self) -> bool {
        match self {
            Self::All | Self::Nothing => false,
            Self::And(children) | Self::Or(children) => children.iter().any(Self::has_text),
            Self::Literal { leaf, negated } => !negated && leaf.is_text(),
        }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        conjunction(vec![self, other])
    }

    fn literal(leaf: Leaf, negated: bool) -> Self {
        Self::Literal { leaf, negated }
    }
}

/// Every part, in normal form.
fn conjunction(parts: Vec<Expr>) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::All => {}
            Expr::Nothing => return Expr::Nothing,
            Expr::And(children) => flat.extend(children),
            other => flat.push(other),
        }
    }
    let Some(flat) = join_ranges(flat) else {
        return Expr::Nothing;
    };
    settle(flat, Expr::All, Expr::And)
}

/// Any part, in normal form.
fn disjunction(parts: Vec<Expr>) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::Nothing => {}
            Expr::All => return Expr::All,
            Expr::Or(children) => flat.extend(children),
            other => flat.push(other),
        }
    }
    settle(flat, Expr::Nothing, Expr::Or)
}

fn settle(mut parts: Vec<Expr>, none: Expr, many: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() > 1 {
        parts.sort_by_cached_key(Expr::canonical);
        parts.dedup();
    }
    match parts.len() {
        0 => none,
        1 => parts.swap_remove(0),
        _ => many(parts),
    }
}

/// Makes all ranges on one field one; `None` if nothing lies in it.
fn join_ranges(parts: Vec<Expr>) -> Option<Vec<Expr>> {
    let mut joined: Vec<Expr> = Vec::with_capacity(parts.len());
    let mut places: Vec<(u16, usize)> = Vec::new();
    for part in parts {
        let Expr::Literal {
            leaf: Leaf::Range(field, low, high),
            negated: false,
        } = part
        else {
            joined.push(part);
            continue;
        };
        let Some(&(_, place)) = places.iter().find(|(seen, _)| *seen == field) else {
            places.push((field, joined.len()));
            joined.push(Expr::literal(Leaf::Range(field, low, high), false));
            continue;
        };
        if let Expr::Literal {
            leaf: Leaf::Range(_, known_low, known_high),
            ..
        } = &mut joined[place]
        {
            let low = tighter(std::mem::replace(known_low, Bound::Unbounded), low, false);
            let high = tighter(std::mem::replace(known_high, Bound::Unbounded), high, true);
            if is_void(&low, &high) {
                return None;
            }
            (*known_low, *known_high) = (low, high);
        }
    }
    Some(joined)
}

fn tighter(a: Bound<Value>, b: Bound<Value>, upper: bool) -> Bound<Value> {
    let (x, y) = match (&a, &b) {
        (Bound::Unbounded, _) => return b,
        (_, Bound::Unbounded) => return a,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => {
            (x, y)
        }
    };
    let b_is_tighter = match x.cmp(y) {
        std::cmp::Ordering::Equal => matches!(b, Bound::Excluded(_)),
        std::cmp::Ordering::Less => !upper,
        std::cmp::Ordering::Greater => upper,
    };
    if b_is_tighter { b } else { a }
}

fn is_void(low: &Bound<Value>, high: &Bound<Value>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low >= high,
        _ => false,
    }
}

struct Binder<'a> {
    schema: &'a Schema,
}

impl Binder<'_> {
    fn bind(&self, ast: &Ast, negated: bool) -> Result<Expr> {
        let all = |children: &[Ast]| {
            children
                .iter()
                .map(|child| self.bind(child, negated))
                .collect::<Result<Vec<_>>>()
        };
        match ast {
            Ast::Not(inner) => self.bind(inner, !negated),
            Ast::And(children) if negated => Ok(disjunction(all(children)?)),
            Ast::And(children) => Ok(conjunction(all(children)?)),
            Ast::Or(children) if negated => Ok(conjunction(all(children)?)),
            Ast::Or(children) => Ok(disjunction(all(children)?)),
            // What one condition as written becomes is positive; then it is complemented.
            condition => self
                .condition(condition)
                .map(|bound| if negated { complement(bound) } else { bound }),
        }
    }

    fn indexed(&self, field: u16, what: &str) -> Result<&FieldSpec> {
        let spec = self.schema.field(field)?;
        if spec.index {
            return Ok(spec);
        }
        Err(Error::invalid_filter(format!(
            "field `{}` has no exact index for {what}; declare it `index`",
            spec.name
        )))
    }

    fn analyzed(&self, field: u16) -> Result<(&FieldSpec, &Analyzer)> {
        let spec = self.schema.field(field)?;
        match &spec.text {
            Some(analyzer) => Ok((spec, analyzer)),
            None => Err(Error::invalid_filter(format!(
                "field `{}` has no full-text index; declare it `text`",
                spec.name
            ))),
        }
    }

    fn condition(&self, ast: &Ast) -> Result<Expr> {
        let positive = |leaf| Ok(Expr::literal(leaf, false));
        match ast {
            Ast::And(_) | Ast::Or(_) | Ast::Not(_) => self.bind(ast, false),
            Ast::Missing(field) => {
                let spec = self.schema.field(*field)?;
                if spec.optional {
                    positive(Leaf::Missing(*field))
                } else {
                    Ok(Expr::Nothing)
                }
            }
            Ast::EmptyList(field) => {
                self.indexed(*field, "`is_empty`")?;
                positive(Leaf::EmptyList(*field))
            }
            Ast::Eq(field, value) => {
                let spec = self.indexed(*field, "`eq`")?;
                Ok(match point(spec, value)? {
                    Some(value) => Expr::literal(Leaf::Eq(*field, value), false),
                    None => Expr::Nothing,
                })
            }
            Ast::In(field, values) => {
                let spec = self.indexed(*field, "`in_`")?;
                let mut wanted = Vec::with_capacity(values.len());
                for value in values {
                    wanted.extend(point(spec, value)?);
                }
                wanted.sort();
                wanted.dedup();
                Ok(match wanted.len() {
                    0 => Expr::Nothing,
                    1 => Expr::literal(Leaf::Eq(*field, wanted.swap_remove(0)), false),
                    _ => Expr::literal(Leaf::In(*field, wanted), false),
                })
            }
            Ast::Range(field, low, high) => {
                let spec = self.indexed(*field, "a range")?;
                if !spec.kind.is_ordered() || spec.list {
                    return Err(Error::invalid_filter(format!(
                        "field `{}` has no order that a range could use",
                        spec.name
                    )));
                }
                range(*field, spec, low, high)
            }
            Ast::Like(field, parts) => {
                let spec = self.indexed(*field, "patterns")?;
                if spec.kind != Kind::Keyword || spec.list {
                    return Err(mismatch(spec, "a pattern over one string"));
                }
                let mut pieces = Vec::with_capacity(2 * parts.len());
                for (position, part) in parts.iter().enumerate() {
                    if position > 0 {
                        pieces.push(GlobPart::Many);
                    }
                    pieces.push(GlobPart::Text(fold_keyword(spec, part)));
                }
                let glob = Glob::new(pieces);
                Ok(if glob.is_anything() {
                    self.present(*field, spec)
                } else if let Some(text) = glob.as_text() {
                    Expr::literal(Leaf::Eq(*field, Value::Str(text.to_owned())), false)
                } else {
                    Expr::literal(Leaf::Like(*field, glob), false)
                })
            }
            Ast::Within(field, center, radius_m) => {
                let spec = self.indexed(*field, "`within`")?;
                if spec.kind != Kind::Geo {
                    return Err(mismatch(spec, "a point"));
                }
                if !center.is_valid() {
                    return Err(Error::invalid_filter(format!(
                        "the center ({}, {}) is not on the globe: latitude is -90 to 90 and comes first, longitude -180 to 180",
                        center.lat, center.lon
                    )));
                }
                if radius_m.is_nan() || *radius_m < 0.0 {
                    return Err(Error::invalid_filter(format!(
                        "a radius of {radius_m} metres is no distance; give zero or more"
                    )));
                }
                if *radius_m >= std::f64::consts::PI * GeoPoint::EARTH_RADIUS_M {
                    return Ok(self.present(*field, spec));
                }
                positive(Leaf::Within(*field, Circle::new(*center, *radius_m)))
            }
            Ast::Text(field, mode, text) => self.text(*field, *mode, text),
            Ast::Tokens(field, shape, pattern) => self.tokens(*field, *shape, pattern),
            Ast::Fuzzy(field, term, distance) => self.fuzzy(*field, term, *distance),
        }
    }

    fn present(&self, field: u16, spec: &FieldSpec) -> Expr {
        if spec.optional {
            Expr::literal(Leaf::Missing(field), true)
        } else {
            Expr::All
        }
    }

    fn text(&self, field: u16, mode: TextMatch, text: &str) -> Result<Expr> {
        let (spec, analyzer) = self.analyzed(field)?;
        if analyzer.is_part_of_bigram(text) {
            return self.tokens(field, TokenShape::Infix, text.trim());
        }
        let tokens = analyzer.analyze(text);
        let word = |token: &str| Expr::literal(Leaf::Word(field, token.to_owned()), false);
        let words = || tokens.iter().map(|(token, _)| word(token)).collect();
        let Some((_, first)) = tokens.iter().next() else {
            return Err(no_words(spec, text));
        };
        Ok(match mode {
            _ if tokens.len() == 1 => conjunction(words()),
            TextMatch::All => conjunction(words()),
            TextMatch::Any => disjunction(words()),
            TextMatch::Phrase => Expr::literal(
                Leaf::Phrase(
                    field,
                    tokens
                        .iter()
                        .map(|(token, position)| (token.to_owned(), position - first))
                        .collect(),
                ),
                false,
            ),
        })
    }

    fn tokens(&self, field: u16, shape: TokenShape, pattern: &str) -> Result<Expr> {
        let (spec, analyzer) = self.analyzed(field)?;
        if Analyzer::new().analyze(pattern).is_empty() {
            return Err(no_words(spec, pattern));
        }
        let part = |text: &str| {
            let mut encoded = String::new();
            encode(&analyzer.fold(text), &mut encoded);
            GlobPart::Text(encoded)
        };
        let glob = match shape {
            TokenShape::Prefix => {
                Glob::new([GlobPart::Text(cut(&analyzer.fold(pattern))), GlobPart::Many])
            }
            TokenShape::Suffix => Glob::new([GlobPart::Many, part(pattern)]),
            TokenShape::Infix => Glob::new([GlobPart::Many, part(pattern), GlobPart::Many]),
            TokenShape::Wildcard => {
                let mut parts = Vec::new();
                let mut rest = pattern;
                while let Some(at) = rest.find(['*', '?']) {
                    parts.push(part(&rest[..at]));
                    parts.push(if rest[at..].starts_with('*') {
                        GlobPart::Many
                    } else {
                        GlobPart::One
                    });
                    rest = &rest[at + 1..];
                }
                parts.push(part(rest));
                Glob::new(parts)
            }
        };
        Ok(Expr::literal(
            match glob.as_text() {
                Some(token) => Leaf::Word(field, token.to_owned()),
                None => Leaf::Token(field, glob),
            },
            false,
        ))
    }

    fn fuzzy(&self, field: u16, term: &str, distance: u8) -> Result<Expr> {
        let (spec, analyzer) = self.analyzed(field)?;
        if !(1..=3).contains(&distance) {
            return Err(Error::invalid_filter(format!(
                "a fuzzy distance of {distance} on field `{}` is out of range; give 1, 2 or 3",
                spec.name
            )));
        }
        let words = Analyzer::new().analyze(term);
        match words.len() {
            0 => Err(no_words(spec, term)),
            1 => Ok(Expr::literal(
                Leaf::Fuzzy(field, cut(&analyzer.fold(term.trim())), distance),
                false,
            )),
            _ => Err(Error::invalid_filter(format!(
                "`fuzzy` on field `{}` takes one word; join one condition for each word with `&`",
                spec.name
            ))),
        }
    }
}

fn complement(expr: Expr) -> Expr {
    match expr {
        Expr::All => Expr::Nothing,
        Expr::Nothing => Expr::All,
        Expr::And(children) => disjunction(children.into_iter().map(complement).collect()),
        Expr::Or(children) => conjunction(children.into_iter().map(complement).collect()),
        Expr::Literal { leaf, negated } => Expr::literal(leaf, !negated),
    }
}

/// Encoded, and cut where tokens are cut.
fn cut(word: &str) -> String {
    let mut encoded = String::new();
    let mut units = 0;
    for c in word.chars() {
        let before = encoded.len();
        units += encode_char(c, &mut encoded);
        if units > MAX_TOKEN_UNITS {
            encoded.truncate(before);
            break;
        }
    }
    encoded
}

fn no_words(spec: &FieldSpec, text: &str) -> Error {
    let shown: String = text.chars().take(40).collect();
    Error::invalid_filter(format!(
        "the text {shown:?} for field `{}` holds no word to search for; leave the condition out",
        spec.name
    ))
}

fn mismatch(spec: &FieldSpec, wanted: &str) -> Error {
    Error::invalid_filter(format!(
        "field `{}` does not hold {wanted}; the filter was made for another model",
        spec.name
    ))
}

fn fold_keyword(spec: &FieldSpec, text: &str) -> String {
    if spec.ignore_case {
        fold_case(text).into_owned()
    } else {
        text.to_owned()
    }
}

/// What a value to compare with is on this field; `None` if no object can hold it.
fn point(spec: &FieldSpec, value: &Value) -> Result<Option<Value>> {
    Ok(match (spec.kind, value) {
        (Kind::Bool, Value::Bool(_)) | (Kind::Uuid, Value::Uuid(_)) => Some(value.clone()),
        (Kind::Keyword, Value::Str(text)) => {
            let folded = fold_keyword(spec, text);
            (folded.len() <= MAX_KEYWORD_BYTES).then_some(Value::Str(folded))
        }
        (Kind::F64, Value::Float(float)) => Some(Value::Float(number(spec, *float)?)),
        (Kind::Decimal, Value::Decimal { mantissa, scale }) => match spec.scale {
            None => Some(Value::Float(decimal_to_f64(*mantissa, *scale))),
            Some(kept) => match rescale(*mantissa, *scale, kept) {
                Scaled::Exact(int) => in_range(spec, int).map(Value::Int),
                _ => None,
            },
        },
        (Kind::I64 | Kind::U64 | Kind::Instant | Kind::Date, Value::Int(int)) => {
            in_range(spec, *int).map(Value::Int)
        }
        _ => return Err(mismatch(spec, "what it is compared with")),
    })
}

fn number(spec: &FieldSpec, float: f64) -> Result<f64> {
    if float.is_nan() {
        return Err(Error::invalid_filter(format!(
            "field `{}` is compared with NaN, which equals nothing and has no order; leave the condition out",
            spec.name
        )));
    }
    Ok(float + 0.0)
}

fn limits(spec: &FieldSpec) -> (i128, i128) {
    match spec.kind {
        Kind::U64 => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    }
}

fn in_range(spec: &FieldSpec, int: i128) -> Option<i128> {
    let (min, max) = limits(spec);
    (min..=max).contains(&int).then_some(int)
}

fn range(field: u16, spec: &FieldSpec, low: &Bound<Value>, high: &Bound<Value>) -> Result<Expr> {
    let is_float = spec.kind == Kind::F64 || (spec.kind == Kind::Decimal && spec.scale.is_none());
    let (low, high) = if is_float {
        let bound = |bound: &Bound<Value>| -> Result<Bound<Value>> {
            let convert = |value: &Value| match point(spec, value)? {
                Some(value) => Ok(value),
                None => Err(mismatch(spec, "what it is compared with")),
            };
            Ok(match bound {
                Bound::Unbounded => Bound::Unbounded,
                Bound::Included(value) => Bound::Included(convert(value)?),
                Bound::Excluded(value) => Bound::Excluded(convert(value)?),
            })
        };
        (bound(low)?, bound(high)?)
    } else {
        let (min, max) = limits(spec);
        let low = match integer_bound(spec, low, false)? {
            Some(low) if low > max => return Ok(Expr::Nothing),
            Some(low) if low > min => Bound::Included(Value::Int(low)),
            _ => Bound::Unbounded,
        };
        let high = match integer_bound(spec, high, true)? {
            Some(high) if high < min => return Ok(Expr::Nothing),
            Some(high) if high < max => Bound::Included(Value::Int(high)),
            _ => Bound::Unbounded,
        };
        (low, high)
    };
    if is_void(&low, &high) {
        return Ok(Expr::Nothing);
    }
    Ok(match (low, high) {
        (Bound::Unbounded, Bound::Unbounded) if spec.optional => {
            Expr::literal(Leaf::Missing(field), true)
        }
        (Bound::Unbounded, Bound::Unbounded) => Expr::All,
        (low, high) => Expr::literal(Leaf::Range(field, low, high), false),
    })
}

/// A bound as the outermost integer that is inside; `None` if there is no bound.
fn integer_bound(spec: &FieldSpec, bound: &Bound<Value>, upper: bool) -> Result<Option<i128>> {
    let (value, exclusive) = match bound {
        Bound::Unbounded => return Ok(None),
        Bound::Included(value) => (value, false),
        Bound::Excluded(value) => (value, true),
    };
    let inward = if upper { -1 } else { 1 };
    let exact = match (value, spec.scale) {
        (Value::Int(int), None) => *int,
        (Value::Decimal { mantissa, scale }, Some(kept)) => {
            match rescale(*mantissa, *scale, kept) {
                Scaled::Exact(int) => int,
                // Between two units: the one inside is in, whether or not the bound itself was.
                Scaled::Between(below) => return Ok(Some(if upper { below } else { below + 1 })),
                Scaled::Beyond { negative: true } => return Ok(Some(i128::MIN)),
                Scaled::Beyond { negative: false } => return Ok(Some(i128::MAX)),
            }
        }
        _ => return Err(mismatch(spec, "what it is compared with")),
    };
    Ok(Some(if exclusive {
        exact.saturating_add(inward)
    } else {
        exact
    }))
}

#[cfg(test)]
mod tests;
