//! Values of fields: owned and borrowed, with one total order.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A point on the earth, WGS 84 degrees, latitude first.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct GeoPoint {
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Degrees east, -180 to 180.
    pub lon: f64,
}

impl GeoPoint {
    /// Radius of the earth in metres, as every distance here uses it.
    pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

    /// The point at `lat`, `lon` (that order everywhere in Larder).
    pub const fn new(lat: f64, lon: f64) -> Self {
        Self { lat, lon }
    }

    /// Whether both coordinates are numbers in range.
    pub fn is_valid(&self) -> bool {
        (-90.0..=90.0).contains(&self.lat) && (-180.0..=180.0).contains(&self.lon)
    }

    /// The unit vector to this point: what distances are computed on.
    pub fn unit(&self) -> [f64; 3] {
        let (lat, lon) = (self.lat.to_radians(), self.lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    }
}

/// One value of a field, owned.
///
/// Values of one field always have one variant; the order between variants only makes the
/// order total. Within a variant: integers exactly, floats by IEEE order (`-0.0 == 0.0`, NaN
/// last, though no store ever holds one), strings by UTF-8 bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// An integer, an instant (nanoseconds since 1970 UTC), a date (days since 1970) or a
    /// decimal with a declared scale (in units of that scale). Wide enough that a bound
    /// outside the field's own range still compares exactly.
    Int(i128),
    /// A floating-point number, or a decimal without a declared scale.
    Float(f64),
    /// A decimal as the user wrote it: `mantissa / 10^scale`. Only in filters and raw field
    /// values; the schema turns it into `Int` or `Float`.
    Decimal {
        /// All digits.
        mantissa: i128,
        /// How many of them stand behind the point.
        scale: u32,
    },
    /// A string, a character or the name of an enum's variant.
    Str(String),
    /// A UUID.
    Uuid(u128),
    /// A point on the earth.
    Geo(GeoPoint),
}

/// One value of a field, borrowed from its object.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Int`].
    Int(i128),
    /// See [`Value::Float`].
    Float(f64),
    /// See [`Value::Decimal`].
    Decimal {
        /// All digits.
        mantissa: i128,
        /// How many of them stand behind the point.
        scale: u32,
    },
    /// See [`Value::Str`].
    Str(&'a str),
    /// A string of one character.
    Char(char),
    /// See [`Value::Uuid`].
    Uuid(u128),
    /// See [`Value::Geo`].
    Geo(GeoPoint),
}

impl ValueRef<'_> {
    /// Copies the value out.
    pub fn to_value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Decimal { mantissa, scale } => Value::Decimal { mantissa, scale },
            Self::Str(value) => Value::Str(value.to_owned()),
            Self::Char(value) => Value::Str(value.to_string()),
            Self::Uuid(value) => Value::Uuid(value),
            Self::Geo(value) => Value::Geo(value),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Decimal { .. } => 3,
            Self::Str(_) | Self::Char(_) => 4,
            Self::Uuid(_) => 5,
            Self::Geo(_) => 6,
        }
    }

    /// Appends bytes that are equal exactly for equal values.
    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.push(self.rank());
        match self {
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Float(value) => out.extend_from_slice(&float_key(*value).to_be_bytes()),
            Self::Decimal { mantissa, scale } => {
                out.extend_from_slice(&mantissa.to_be_bytes());
                out.extend_from_slice(&scale.to_be_bytes());
            }
            Self::Str(value) => write_bytes(value.as_bytes(), out),
            Self::Char(value) => write_bytes(value.encode_utf8(&mut [0; 4]).as_bytes(), out),
            Self::Uuid(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Geo(value) => {
                out.extend_from_slice(&float_key(value.lat).to_be_bytes());
                out.extend_from_slice(&float_key(value.lon).to_be_bytes());
            }
        }
    }
}

/// Appends `bytes` behind their length, so that neighbours never run together.
pub(crate) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

impl Value {
    /// Borrows the value.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Float(value) => ValueRef::Float(*value),
            Self::Decimal { mantissa, scale } => ValueRef::Decimal {
                mantissa: *mantissa,
                scale: *scale,
            },
            Self::Str(value) => ValueRef::Str(value),
            Self::Uuid(value) => ValueRef::Uuid(*value),
            Self::Geo(value) => ValueRef::Geo(*value),
        }
    }

    /// The string, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if this is one.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number as a float, if this is a number.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// Maps a float to an integer of the same order; `-0.0` and `0.0` to one, every NaN to the last.
pub(crate) fn float_key(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | (1 << 63)
    } else {
        !bits
    }
}

impl Ord for ValueRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => float_key(*a).cmp(&float_key(*b)),
            (
                Self::Decimal { mantissa, scale },
                Self::Decimal {
                    mantissa: other_mantissa,
                    scale: other_scale,
                },
            ) => (mantissa, scale).cmp(&(other_mantissa, other_scale)),
            (Self::Str(a), Self::Str(b)) => a.cmp(b),
            (Self::Char(a), Self::Char(b)) => a.cmp(b),
            (Self::Str(a), Self::Char(b)) => (*a).cmp(&*b.encode_utf8(&mut [0; 4])),
            (Self::Char(a), Self::Str(b)) => (*a.encode_utf8(&mut [0; 4])).cmp(*b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Geo(a), Self::Geo(b)) => {
                (float_key(a.lat), float_key(a.lon)).cmp(&(float_key(b.lat), float_key(b.lon)))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for ValueRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ValueRef<'_> {}

impl Hash for ValueRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank());
        match self {
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) => float_key(*value).hash(state),
            Self::Decimal { mantissa, scale } => (mantissa, scale).hash(state),
            Self::Str(value) => value.hash(state),
            Self::Char(value) => (*value.encode_utf8(&mut [0; 4])).hash(state),
            Self::Uuid(value) => value.hash(state),
            Self::Geo(value) => (float_key(value.lat), float_key(value.lon)).hash(state),
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_ref().cmp(&other.as_ref())
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Decimal { mantissa, scale } => write!(f, "{mantissa}e-{scale}"),
            Self::Str(value) => f.pad(value),
            Self::Uuid(value) => {
                let hex = format!("{value:032x}");
                f.pad(&format!(
                    "{}-{}-{}-{}-{}",
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..]
                ))
            }
            Self::Geo(value) => write!(f, "{},{}", value.lat, value.lon),
        }
    }
}

/// Lower-cases character by character, without looking at neighbours, so that a pattern folds
/// like the word it is a part of. (`str::to_lowercase` turns a final sigma into another letter.)
pub fn fold_case(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| {
        let mut lower = c.to_lowercase();
        lower.next() == Some(c) && lower.next().is_none()
    }) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
    }
}
