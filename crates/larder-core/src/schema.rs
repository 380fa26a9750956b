//! What a store knows of a model: its fields, how each is indexed, and a fingerprint of it all.

use std::any::TypeId;
use std::borrow::Cow;
use std::hash::Hasher;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::text::Analyzer;
use crate::value::{Value, ValueRef, fold_case};

/// The longest keyword a store accepts, in bytes once framed for the index.
///
/// RediSearch cuts a tag at 4,096 bytes without a word; embedded keeps the same limit so that
/// both refuse alike.
pub const MAX_KEYWORD_BYTES: usize = 4_000;

/// The most fields a model may declare (indexed ones, flattened ones counted singly).
pub const MAX_FIELDS: usize = 256;

/// The most full-text fields a model may declare: each takes one of the C1 control characters
/// that keep the fields' terms apart on Redis.
pub const MAX_TEXT_FIELDS: usize = 30;

/// What kind of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `bool`.
    Bool,
    /// A signed integer up to 64 bits.
    I64,
    /// An unsigned integer up to 64 bits.
    U64,
    /// `f32` or `f64`.
    F64,
    /// A string, character or enum, compared by its exact bytes.
    Keyword,
    /// A moment, in nanoseconds since 1970 UTC (years 1677 to 2262).
    Instant,
    /// A calendar day.
    Date,
    /// A decimal number.
    Decimal,
    /// A UUID.
    Uuid,
    /// A point on the earth.
    Geo,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Bool => 0,
            Self::I64 => 1,
            Self::U64 => 2,
            Self::F64 => 3,
            Self::Keyword => 4,
            Self::Instant => 5,
            Self::Date => 6,
            Self::Decimal => 7,
            Self::Uuid => 8,
            Self::Geo => 9,
        }
    }

    /// Whether `lt`, `ge`, `between` and the like have a meaning here.
    pub fn is_ordered(self) -> bool {
        matches!(
            self,
            Self::I64 | Self::U64 | Self::F64 | Self::Instant | Self::Date | Self::Decimal
        )
    }

    /// Whether values can be added up.
    pub fn is_number(self) -> bool {
        matches!(self, Self::I64 | Self::U64 | Self::F64 | Self::Decimal)
    }
}

/// How one field is declared.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// The field's name in the schema; a flattened one is dotted (`address.city`).
    pub name: String,
    /// What kind of value it holds.
    pub kind: Kind,
    /// Whether it holds many values (`Vec`, sets).
    pub list: bool,
    /// Whether it may be missing (`Option`).
    pub optional: bool,
    /// Whether exact conditions are answered on it.
    pub index: bool,
    /// Whether answers can be ordered by it.
    pub sort: bool,
    /// How its text is analysed, if full-text conditions are answered on it.
    pub text: Option<Analyzer>,
    /// Whether upper and lower case are one in exact conditions, sorts and facets.
    pub ignore_case: bool,
    /// For decimals: how many digits behind the point are kept, exactly.
    pub scale: Option<u32>,
}

impl FieldSpec {
    /// A field of `kind` on which nothing can be asked yet.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            list: false,
            optional: false,
            index: false,
            sort: false,
            text: None,
            ignore_case: false,
            scale: None,
        }
    }

    /// What a value of this field is to every comparison and every index: folded, scaled,
    /// `-0.0` as `0.0`.
    ///
    /// # Errors
    /// `InvalidModel`, naming the field: NaN; an instant outside the years 1677 to 2262; a
    /// keyword of more than 4,000 bytes once framed; more decimal digits than the declared
    /// scale; a point off the globe.
    pub fn normalize<'a>(&self, value: ValueRef<'a>) -> Result<Normal<'a>> {
        let fail = |message: String| {
            Err(Error::invalid_model(format!(
                "field `{}` {message}",
                self.name
            )))
        };
        Ok(match value {
            ValueRef::Bool(_) | ValueRef::Uuid(_) => Normal::Ref(value),
            ValueRef::Int(int) => {
                let fits = match self.kind {
                    Kind::U64 => u64::try_from(int).is_ok(),
                    _ => i64::try_from(int).is_ok(),
                };
                if !fits {
                    return fail(match self.kind {
                        Kind::Instant => "holds a moment that nanoseconds in an i64 cannot tell; keep it between the years 1678 and 2261".to_owned(),
                        _ => format!("holds {int}, which does not fit its 64 bits"),
                    });
                }
                Normal::Ref(value)
            }
            ValueRef::Float(float) if float.is_nan() => {
                return fail(
                    "holds NaN, which has no place in any order; store `None` or a number"
                        .to_owned(),
                );
            }
            ValueRef::Float(float) => Normal::Ref(ValueRef::Float(float + 0.0)),
            ValueRef::Decimal { mantissa, scale } => match self.scale {
                None => Normal::Ref(ValueRef::Float(decimal_to_f64(mantissa, scale))),
                Some(kept) => match rescale(mantissa, scale, kept) {
                    Scaled::Exact(int) if i64::try_from(int).is_ok() => {
                        Normal::Ref(ValueRef::Int(int))
                    }
                    Scaled::Between(_) => {
                        return fail(format!(
                            "holds a decimal of more than its {kept} digits behind the point; declare a larger `scale` or round it first"
                        ));
                    }
                    _ => {
                        return fail(format!(
                            "holds a decimal too large for 64 bits at scale {kept}; declare a smaller `scale`"
                        ));
                    }
                },
            },
            ValueRef::Str(text) => self.keyword(text)?,
            ValueRef::Char(char) if !self.ignore_case => Normal::Ref(ValueRef::Char(char)),
            ValueRef::Char(char) => {
                Normal::Owned(Value::Str(fold_case(&char.to_string()).into_owned()))
            }
            ValueRef::Geo(point) if !point.is_valid() => {
                return fail(format!(
                    "holds the point ({}, {}), which is not on the globe: latitude is -90 to 90 and comes first, longitude -180 to 180",
                    point.lat, point.lon
                ));
            }
            ValueRef::Geo(_) => Normal::Ref(value),
        })
    }

    fn keyword<'a>(&self, text: &'a str) -> Result<Normal<'a>> {
        let folded = if self.ignore_case {
            fold_case(text)
        } else {
            Cow::Borrowed(text)
        };
        if self.index || self.sort {
            let framed = framed_len(&folded);
            if framed > MAX_KEYWORD_BYTES {
                return Err(Error::invalid_model(format!(
                    "field `{}` holds a keyword of {framed} bytes, more than the {MAX_KEYWORD_BYTES} an index can tell apart; carry it unindexed, or index it as `text`",
                    self.name
                )));
            }
        }
        Ok(match folded {
            Cow::Borrowed(text) => Normal::Ref(ValueRef::Str(text)),
            Cow::Owned(text) => Normal::Owned(Value::Str(text)),
        })
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        crate::value::write_bytes(self.name.as_bytes(), out);
        out.extend_from_slice(&[
            self.kind.code(),
            u8::from(self.list),
            u8::from(self.optional),
            u8::from(self.index),
            u8::from(self.sort),
            u8::from(self.ignore_case),
            self.scale.map_or(0xff, |scale| scale as u8),
            u8::from(self.text.is_some()),
        ]);
        if let Some(analyzer) = &self.text {
            crate::value::write_bytes(analyzer.signature().as_bytes(), out);
        }
    }
}

/// The length of `text` once framed for a tag index: two bytes of frame, and three bytes for
/// each that would mean something there.
fn framed_len(text: &str) -> usize {
    2 + text
        .bytes()
        .map(|byte| {
            if byte < 0x20 || b"\\*?".contains(&byte) {
                3
            } else {
                1
            }
        })
        .sum::<usize>()
}

/// A normalised value: borrowed where nothing had to change.
#[derive(Clone, Debug)]
pub enum Normal<'a> {
    /// The value as the object holds it.
    Ref(ValueRef<'a>),
    /// A folded copy.
    Owned(Value),
}

impl Normal<'_> {
    /// Borrows the normalised value.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Ref(value) => *value,
            Self::Owned(value) => value.as_ref(),
        }
    }

    /// Copies the normalised value out.
    pub fn into_value(self) -> Value {
        match self {
            Self::Ref(value) => value.to_value(),
            Self::Owned(value) => value,
        }
    }
}

/// A decimal brought to another scale.
pub(crate) enum Scaled {
    /// It is exactly this many units.
    Exact(i128),
    /// It lies between this many units and one more.
    Between(i128),
    /// It is beyond any integer here, in the direction of its sign.
    Beyond { negative: bool },
}

pub(crate) fn rescale(mantissa: i128, from: u32, to: u32) -> Scaled {
    if from <= to {
        return match 10_i128
            .checked_pow(to - from)
            .and_then(|factor| mantissa.checked_mul(factor))
        {
            Some(units) => Scaled::Exact(units),
            None => Scaled::Beyond {
                negative: mantissa < 0,
            },
        };
    }
    match 10_i128.checked_pow(from - to) {
        Some(factor) if mantissa.rem_euclid(factor) == 0 => Scaled::Exact(mantissa / factor),
        Some(factor) => Scaled::Between(mantissa.div_euclid(factor)),
        None if mantissa == 0 => Scaled::Exact(0),
        None => Scaled::Between(if mantissa < 0 { -1 } else { 0 }),
    }
}

/// The nearest float to a decimal: by way of its text, which the standard library rounds right.
pub(crate) fn decimal_to_f64(mantissa: i128, scale: u32) -> f64 {
    format!("{mantissa}e-{scale}").parse().unwrap_or(f64::NAN) + 0.0
}

/// A model as stores see it.
#[derive(Clone, Debug)]
pub struct Schema {
    name: String,
    version: u32,
    ttl: Option<Duration>,
    fields: Vec<FieldSpec>,
    fingerprint: u64,
    type_id: TypeId,
    type_name: &'static str,
}

impl Schema {
    /// Checks a declaration and makes the schema of the Rust type `T`.
    ///
    /// # Errors
    /// `InvalidModel`: an empty name; two fields of one name; too many fields; text on a field
    /// that holds no strings; an order on a list; a list of points.
    pub fn new<T: 'static>(
        name: impl Into<String>,
        version: u32,
        ttl: Option<Duration>,
        fields: Vec<FieldSpec>,
    ) -> Result<Self> {
        let name = name.into();
        let fail = |message: String| Err(Error::invalid_model(message).with_model(&name));
        if name.is_empty() {
            return fail("a model needs a name; write #[cache(name = \"..\")]".to_owned());
        }
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return fail(
                "a ttl of zero would store nothing; leave it out for no expiry".to_owned(),
            );
        }
        if fields.len() > MAX_FIELDS {
            return fail(format!(
                "{} fields are declared, at most {MAX_FIELDS} can be",
                fields.len()
            ));
        }
        let texts = fields.iter().filter(|field| field.text.is_some()).count();
        if texts > MAX_TEXT_FIELDS {
            return fail(format!(
                "{texts} text fields are declared, at most {MAX_TEXT_FIELDS} can be"
            ));
        }
        for (position, field) in fields.iter().enumerate() {
            if let Some(analyzer) = &field.text {
                analyzer.check().map_err(|error| error.with_model(&name))?;
            }
            let field_name = &field.name;
            if fields[..position]
                .iter()
                .any(|other| other.name == *field_name)
            {
                return fail(format!(
                    "two fields are named `{field_name}`; give one of them a `rename`"
                ));
            }
            if field.text.is_some() && field.kind != Kind::Keyword {
                return fail(format!(
                    "field `{field_name}` is declared `text` but holds no string"
                ));
            }
            if field.list && field.sort {
                return fail(format!(
                    "field `{field_name}` is a list and cannot be sorted by; sort by a single value"
                ));
            }
            if field.kind == Kind::Geo && (field.list || field.sort) {
                return fail(format!(
                    "field `{field_name}` is a point: it can be neither in a list nor sorted by"
                ));
            }
            if field.scale.is_some_and(|scale| scale > 18) {
                return fail(format!(
                    "field `{field_name}` declares a scale above 18, which leaves no room in 64 bits"
                ));
            }
        }
        let mut canonical = Vec::with_capacity(64 * fields.len());
        crate::value::write_bytes(name.as_bytes(), &mut canonical);
        canonical.extend_from_slice(&version.to_be_bytes());
        for field in &fields {
            field.write_canonical(&mut canonical);
        }
        Ok(Self {
            fingerprint: fnv1a(&canonical),
            name,
            version,
            ttl,
            fields,
            type_id: TypeId::of::<T>(),
            type_name: std::any::type_name::<T>(),
        })
    }

    /// The model's name, unique within a store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The declared version: raise it when an object's encoded form changes its meaning.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How long an object lives unless a cache, a store or a write says otherwise.
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// All declared fields; their positions are what filters and sorts refer to.
    pub fn fields(&self) -> &[FieldSpec] {
        &self.fields
    }

    /// The field at a position that a filter or sort of this model refers to.
    ///
    /// # Errors
    /// `InvalidFilter` if the model has no such field.
    pub fn field(&self, position: u16) -> Result<&FieldSpec> {
        self.fields.get(usize::from(position)).ok_or_else(|| {
            Error::invalid_filter(format!(
                "model has no field number {position}; the filter was made for another model"
            ))
            .with_model(&self.name)
        })
    }

    /// The position of the field called `name`.
    ///
    /// # Errors
    /// `InvalidFilter`, listing the fields there are.
    pub fn position(&self, name: &str) -> Result<u16> {
        self.fields
            .iter()
            .position(|field| field.name == name)
            .map(|position| position as u16)
            .ok_or_else(|| {
                let known: Vec<_> = self.fields.iter().map(|field| &*field.name).collect();
                Error::invalid_filter(format!(
                    "unknown field `{name}`; this model declares: {}",
                    known.join(", ")
                ))
                .with_model(&self.name)
            })
    }

    /// A number that changes with everything that changes what stored data means: the name,
    /// the version, and each field's name, kind, options and analyzer. Not the lifetime.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The Rust type that the schema was made for.
    pub fn type_id(&self) -> TypeId {
        self.type_id
    }

    /// The name of that type, for messages.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): stable over versions and machines, as a stored
/// fingerprint has to be. Not for keys that an attacker chooses.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(bytes);
    hasher.finish()
}
