//! Filters as people read them.

use std::ops::Bound;

use crate::expr::{Expr, Leaf};
use crate::glob::{Glob, GlobPart};
use crate::schema::Schema;
use crate::value::Value;

/// How much of a filter is shown.
const MOST: usize = 200;

pub(super) fn filter(expr: &Expr, schema: &Schema) -> String {
    let mut out = String::new();
    write(expr, schema, false, &mut out);
    if let Some((end, _)) = out.char_indices().nth(MOST) {
        out.truncate(end);
        out.push('…');
    }
    out
}

fn write(expr: &Expr, schema: &Schema, within: bool, out: &mut String) {
    let list = |children: &[Expr], word: &str, out: &mut String| {
        if within {
            out.push('(');
        }
        for (place, child) in children.iter().enumerate() {
            if place > 0 {
                out.push_str(word);
            }
            write(child, schema, true, out);
        }
        if within {
            out.push(')');
        }
    };
    match expr {
        Expr::All => out.push_str("anything"),
        Expr::Nothing => out.push_str("nothing"),
        Expr::And(children) => list(children, " and ", out),
        Expr::Or(children) => list(children, " or ", out),
        Expr::Literal { leaf, negated } => {
            if *negated {
                out.push_str("not ");
            }
            let field = schema.fields().get(usize::from(leaf.field()));
            out.push_str(field.map_or("?", |field| field.name.as_str()));
            out.push(' ');
            out.push_str(&condition(leaf));
        }
    }
}

fn condition(leaf: &Leaf) -> String {
    match leaf {
        Leaf::Missing(_) => "is missing".to_owned(),
        Leaf::EmptyList(_) => "is empty".to_owned(),
        Leaf::Eq(_, is) => format!("= {}", value(is)),
        Leaf::In(_, values) => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!("in [{}]", values.join(", "))
        }
        Leaf::Range(_, low, high) => range(low, high),
        Leaf::Like(_, glob) => format!("like \"{}\"", pattern(glob)),
        Leaf::Within(_, circle) => {
            let (at, radius) = (circle.center, circle.radius_m);
            format!("within {radius} m of {}, {}", at.lat, at.lon)
        }
        Leaf::Word(_, word) => format!("has \"{}\"", readable(word)),
        Leaf::Phrase(_, words) => {
            let words: Vec<String> = words.iter().map(|(word, _)| readable(word)).collect();
            format!("has \"{}\"", words.join(" "))
        }
        Leaf::Token(_, glob) => format!("has \"{}\"", pattern(glob)),
        Leaf::Fuzzy(_, word, distance) => format!("has about \"{}\" ({distance})", readable(word)),
    }
}

fn range(low: &Bound<Value>, high: &Bound<Value>) -> String {
    let low = match low {
        Bound::Included(low) => Some(format!(">= {}", value(low))),
        Bound::Excluded(low) => Some(format!("> {}", value(low))),
        Bound::Unbounded => None,
    };
    let high = match high {
        Bound::Included(high) => Some(format!("<= {}", value(high))),
        Bound::Excluded(high) => Some(format!("< {}", value(high))),
        Bound::Unbounded => None,
    };
    let sides: Vec<String> = low.into_iter().chain(high).collect();
    sides.join(" and ")
}

fn value(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal { mantissa, scale } => format!("{mantissa}e-{scale}"),
        Value::Str(value) => format!("{value:?}"),
        Value::Uuid(value) => format!("{value:032x}"),
        Value::Geo(point) => format!("{}, {}", point.lat, point.lon),
    }
}

fn pattern(glob: &Glob) -> String {
    let part = |part: &GlobPart| match part {
        GlobPart::Text(text) => readable(text),
        GlobPart::One => "?".to_owned(),
        GlobPart::Many => "*".to_owned(),
    };
    glob.parts().iter().map(part).collect()
}

/// What [`encode`](crate::text::encode) wrote.
fn readable(encoded: &str) -> String {
    let mut out = String::new();
    let mut units = encoded.chars();
    while let Some(unit) = units.next() {
        let low = |unit: char| u32::from(unit).checked_sub(0xe440);
        let whole = match u32::from(unit).checked_sub(0xe000) {
            Some(high) if high < 0x440 => units
                .next()
                .and_then(low)
                .and_then(|low| char::from_u32((high << 10) | low)),
            _ => Some(unit),
        };
        out.push(whole.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    out
}
