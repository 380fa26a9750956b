//! Values of every kind, mostly small, often at the edges of their range.

use larder_core::{FieldSpec, GeoPoint, Kind, Value};

use super::{Dice, text};

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    0.1,
    0.3,
    0.300_000_000_000_000_04,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    -f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    2.2e-308,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    1e308,
];

/// A value as an object holds it or a filter asks for it. Now and then one that the field
/// refuses: a keyword too long, a decimal of too many digits.
pub fn value(dice: &mut Dice, spec: &FieldSpec) -> Value {
    match spec.kind {
        Kind::Bool => Value::Bool(dice.chance(50)),
        Kind::I64 => Value::Int(signed(dice).into()),
        Kind::U64 => Value::Int(unsigned(dice).into()),
        Kind::F64 => Value::Float(float(dice)),
        Kind::Keyword if spec.text.is_some() => Value::Str(if dice.chance(90) {
            text::text(dice)
        } else {
            text::keyword(dice)
        }),
        Kind::Instant => Value::Int(instant(dice).into()),
        // From the year -262142 to 262142, as far as calendars go.
        Kind::Date => Value::Int(match dice.below(8) {
            0 => -96_465_292,
            1 => 95_026_236,
            2 => 0,
            _ => dice.between(-20, 20).into(),
        }),
        Kind::Decimal => decimal(dice, spec.scale),
        Kind::Uuid => Value::Uuid(match dice.below(6) {
            0 => 0,
            1 => u128::MAX,
            2 => u128::from(dice.bits()) << 64,
            _ => dice.below(6) as u128,
        }),
        Kind::Geo => Value::Geo(point(dice)),
        _ => Value::Str(text::keyword(dice)),
    }
}

fn signed(dice: &mut Dice) -> i64 {
    match dice.below(12) {
        0 => i64::MIN,
        1 => i64::MIN + 1,
        2 => i64::MAX,
        3 => i64::MAX - 1,
        4 => (1 << 53) + dice.between(-2, 2),
        5 => -(1 << 53) + dice.between(-2, 2),
        6 => dice.bits().cast_signed(),
        _ => dice.between(-5, 5),
    }
}

fn unsigned(dice: &mut Dice) -> u64 {
    match dice.below(10) {
        0 => u64::MAX,
        1 => u64::MAX - 1,
        2 => (1 << 63) - 1,
        3 => 1 << 63,
        4 => ((1 << 53) + dice.between(-2, 2)).cast_unsigned(),
        5 => dice.bits(),
        _ => dice.below(8) as u64,
    }
}

fn float(dice: &mut Dice) -> f64 {
    match dice.below(8) {
        0 => {
            let any = f64::from_bits(dice.bits());
            if any.is_nan() { 0.5 } else { any }
        }
        1..4 => dice.between(-8, 8) as f64 / 4.0,
        _ => dice.pick(FLOATS),
    }
}

fn instant(dice: &mut Dice) -> i64 {
    const NOW: i64 = 1_700_000_000_000_000_000;
    match dice.below(8) {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => dice.between(-2, 2),
        3 => NOW + dice.between(-2, 2) * 1_000_000_000,
        4 => dice.bits().cast_signed(),
        _ => NOW + dice.between(-4, 4),
    }
}

/// On a unit of the scale for the most part, between two at times.
fn decimal(dice: &mut Dice, scale: Option<u32>) -> Value {
    let kept = scale.unwrap_or(2);
    let (mantissa, scale) = match dice.below(12) {
        0 => (i128::from(i64::MAX), kept),
        1 => (i128::from(i64::MIN), kept),
        2 => (i128::from(dice.between(-5, 5)) * 1_000, kept + 3),
        3 => (i128::from(dice.between(-55, 55)), kept + 1),
        4 => (i128::from(dice.between(-5, 5)), 0),
        5 => (i128::from(i64::MAX) * 1_000, 28),
        _ => (i128::from(dice.between(-12, 12)), kept),
    };
    Value::Decimal { mantissa, scale }
}

/// A point: poles, the antimeridian and whole degrees often, so that some are equal.
pub fn point(dice: &mut Dice) -> GeoPoint {
    let any = |dice: &mut Dice, end: f64| (dice.bits() as f64 / u64::MAX as f64 * 2.0 - 1.0) * end;
    let lat = match dice.below(8) {
        0 => 90.0,
        1 => -90.0,
        2 => 0.0,
        3 => any(dice, 90.0),
        _ => dice.between(-3, 3) as f64,
    };
    let lon = match dice.below(8) {
        0 => 180.0,
        1 => -180.0,
        2 => -0.0,
        3 => any(dice, 180.0),
        4 => 179.999,
        _ => dice.between(-3, 3) as f64,
    };
    GeoPoint::new(lat, lon)
}
