//! The indexed side of an entry: a document as fields of a hash, and the document back.
//!
//! Each declared field `i` becomes, as its declaration asks:
//!
//! | field | holds | for |
//! |---|---|---|
//! | `g<i>` | framed values, parted by U+001F | exact conditions on keywords, booleans, UUIDs, lists |
//! | `n<i>`, `r<i>` | the nearest finite double, and what that leaves, where it may leave something | ranges and equality of single numbers |
//! | `v<i>` | the value in ordered form | aggregates over numbers that are not sorted by |
//! | `a<i>`, `d<i>` | the value in ordered form and the id behind it, for each direction | sorts by one key, with no ties left to the server |
//! | `t<i>` | marked tokens | conditions on words |
//! | `y<i>`, `x<i>` | latitude and longitude | the box around a circle |
//! | `u<i>`, `o<i>`, `w<i>` | the unit vector | the circle itself |
//! | `p<i>` | the point as text | reading it back |
//!
//! What belongs to the entry and not to the object is written where the entry is: its expiry, the
//! end of what is kept behind that, its tags.
//!
//! Beside them stand the names of the fields that are missing, the id in ordered form, which
//! answers without a sort come by, and its rank, from which on a cursor looks.
//!
//! What the encodings defend against was found by experiment and is told where each is made.

use std::fmt::Write as _;
use std::sync::Arc;

use larder_core::document::{FieldData, Values};
use larder_core::text::TokenList;
use larder_core::{Document, FieldSpec, GeoPoint, IdKey, Kind, Schema, Value};

use crate::layout::{ID, NIL, RANK};

/// Parts the values of a list in one tag field.
pub(crate) const SEPARATOR: u8 = 0x1f;
/// Stands behind every token: makes fuzzy search exact, which else accepts a term whose all but
/// last letter is near, and lets a suffix be told from an infix.
pub(crate) const END: char = '\u{80}';
/// A place in a text where no token is: far from every word by any number of edits allowed.
const FILLER: &str = "\u{9f}\u{9f}\u{9f}\u{9f}\u{9f}";

/// Integers from here on are not all told apart by a double.
const EXACT: i128 = 1 << 53;

/// How a field's exact values are indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    /// As tags.
    Tag,
    /// As numbers.
    Number,
    /// As a point.
    Point,
}

/// How the exact values of a field are indexed.
pub(crate) fn exact(spec: &FieldSpec) -> Exact {
    match spec.kind {
        Kind::Geo => Exact::Point,
        _ if spec.list => Exact::Tag,
        Kind::Bool | Kind::Keyword | Kind::Uuid => Exact::Tag,
        _ => Exact::Number,
    }
}

/// Whether the value in ordered form stands in a field of its own.
pub(crate) fn has_plain_value(spec: &FieldSpec) -> bool {
    spec.index && !spec.sort && exact(spec) == Exact::Number
}

/// The character in front of every token of a text field: RediSearch keeps one list of
/// positions for a term of all fields together, so that phrases would leak from field to field.
pub(crate) fn mark(schema: &Schema, field: u16) -> char {
    let texts = schema.fields()[..usize::from(field)]
        .iter()
        .filter(|spec| spec.text.is_some())
        .count();
    // A schema has at most 30 text fields, so this ends at U+009E.
    char::from_u32(0x81 + texts as u32).unwrap_or('\u{81}')
}

/// Appends bytes so that a tag field takes them as they are: without the meaning that a
/// backslash, a star or a question mark has in a query, or a control character in an index.
pub(crate) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte < 0x20 || b"\\*?".contains(&byte) {
            out.extend_from_slice(&[4, 0x0e + (byte >> 4), 0x0e + (byte & 15)]);
        } else {
            out.push(byte);
        }
    }
}

/// A value as a tag: framed, so that nothing is trimmed and nothing is empty.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(2);
    escape(bytes, &mut out);
    out.push(3);
    out
}

/// The most bytes of an entry's tag that are indexed: a tag field cuts a value at 4,096, and the
/// escape makes three of a byte.
const MAX_TAG_BYTES: usize = 1_300;

/// A tag of an entry as its index has it; of a long one, the beginning.
pub(crate) fn index_tag(tag: &str) -> Vec<u8> {
    let mut end = tag.len().min(MAX_TAG_BYTES);
    while !tag.is_char_boundary(end) {
        end -= 1;
    }
    frame(&tag.as_bytes()[..end])
}

/// The tags of an entry as one field of a hash.
pub(crate) fn write_tags(tags: &[String]) -> Vec<u8> {
    let tags: Vec<Vec<u8>> = tags.iter().map(|tag| index_tag(tag)).collect();
    tags.join(&SEPARATOR)
}

fn unframe(tag: &[u8]) -> Option<Vec<u8>> {
    let inner = tag.strip_prefix(&[2])?.strip_suffix(&[3])?;
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        if byte == 4 {
            let (high, low) = (
                bytes.next()?.checked_sub(0x0e)?,
                bytes.next()?.checked_sub(0x0e)?,
            );
            out.push((high << 4) | low);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

/// The bytes that a tag field keeps of a value, before they are framed.
pub(crate) fn tag_bytes(spec: &FieldSpec, value: &Value) -> Vec<u8> {
    match value {
        Value::Str(text) => text.clone().into_bytes(),
        other => ordered(spec, other),
    }
}

fn from_tag_bytes(spec: &FieldSpec, bytes: &[u8]) -> Option<Value> {
    match spec.kind {
        Kind::Keyword => Some(Value::Str(String::from_utf8(bytes.to_vec()).ok()?)),
        _ => from_ordered(spec, bytes),
    }
}

/// The values that a tag field holds.
pub(crate) fn read_tags(spec: &FieldSpec, field: &[u8]) -> Option<Vec<Value>> {
    field
        .split(|&byte| byte == SEPARATOR)
        .filter(|tag| !tag.is_empty())
        .map(|tag| from_tag_bytes(spec, &unframe(tag)?))
        .collect()
}

/// Puts the sign of a signed integer where unsigned ones order by it.
const SIGN: u64 = 1 << 63;

/// A value as bytes of the same order, none of which means anything in a string of a RediSearch
/// expression: numbers in 16 hexadecimal digits; of strings, NUL to U+0002, newline, `"` and `\`
/// as pairs that keep their place in the order.
pub(crate) fn ordered(spec: &FieldSpec, value: &Value) -> Vec<u8> {
    let hex = |bits: u64| format!("{bits:016x}").into_bytes();
    match value {
        Value::Bool(bool) => vec![b'0' + u8::from(*bool)],
        Value::Int(int) if spec.kind == Kind::U64 => hex(*int as u64),
        Value::Int(int) => hex((*int as i64).cast_unsigned() ^ SIGN),
        Value::Float(float) => {
            let bits = (float + 0.0).to_bits();
            hex(if bits & SIGN == 0 { bits | SIGN } else { !bits })
        }
        Value::Uuid(uuid) => format!("{uuid:032x}").into_bytes(),
        Value::Str(text) => {
            let mut out = Vec::with_capacity(text.len());
            for &byte in text.as_bytes() {
                match byte {
                    0..=2 => out.extend_from_slice(&[2, byte + 1]),
                    9 | 10 => out.extend_from_slice(&[9, byte - 8]),
                    b'!' | b'"' => out.extend_from_slice(&[b'!', byte - b'!' + 1]),
                    b'[' | b'\\' => out.extend_from_slice(&[b'[', byte - b'[' + 1]),
                    _ => out.push(byte),
                }
            }
            out
        }
        // The schema has made numbers of decimals, and nothing is ordered by points.
        Value::Decimal { .. } | Value::Geo(_) => Vec::new(),
    }
}

/// The value that [`ordered`] wrote.
pub(crate) fn from_ordered(spec: &FieldSpec, bytes: &[u8]) -> Option<Value> {
    let text = || std::str::from_utf8(bytes).ok();
    let hex = || u64::from_str_radix(text()?, 16).ok();
    Some(match spec.kind {
        Kind::Bool => Value::Bool(bytes == b"1"),
        Kind::Uuid => Value::Uuid(u128::from_str_radix(text()?, 16).ok()?),
        Kind::U64 => Value::Int(hex()?.into()),
        Kind::F64 => Value::Float(from_float_bits(hex()?)),
        Kind::Decimal if spec.scale.is_none() => Value::Float(from_float_bits(hex()?)),
        Kind::I64 | Kind::Instant | Kind::Date | Kind::Decimal => {
            Value::Int((hex()? ^ SIGN).cast_signed().into())
        }
        Kind::Keyword => {
            let mut out = Vec::with_capacity(bytes.len());
            let mut rest = bytes.iter();
            while let Some(&byte) = rest.next() {
                out.push(match byte {
                    2 => rest.next()?.checked_sub(1)?,
                    9 => rest.next()?.checked_add(8)?,
                    b'!' => rest.next()?.checked_add(b'!' - 1)?,
                    b'[' => rest.next()?.checked_add(b'[' - 1)?,
                    _ => byte,
                });
            }
            Value::Str(String::from_utf8(out).ok()?)
        }
        _ => return None,
    })
}

fn from_float_bits(bits: u64) -> f64 {
    f64::from_bits(if bits & SIGN == 0 {
        !bits
    } else {
        bits & !SIGN
    })
}

/// An id as bytes of its order.
pub(crate) fn ordered_id(id: &IdKey) -> String {
    let mut out = String::with_capacity(2 * id.as_bytes().len());
    for byte in id.as_bytes() {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A hexadecimal id turned round: of two, the lesser comes out the greater.
fn reversed(id: &str) -> String {
    let mut out: String = id
        .bytes()
        .map(|digit| {
            char::from(match digit {
                b'0'..=b'5' => b'f' - (digit - b'0'),
                b'6'..=b'9' => b'9' - (digit - b'6'),
                _ => b'5' - (digit - b'a'),
            })
        })
        .collect();
    // Behind every digit: so a longer id comes before the shorter one that it begins with.
    out.push('g');
    out
}

/// What an object is sorted by on one key: unique, since the id is part of it, and never
/// missing. Descending order is by `d<i>`, whose ids run the other way.
pub(crate) fn sort_bytes(key: &SortBytes<'_>, descending: bool) -> Vec<u8> {
    let mut out = sort_head(key.spec, key.value, descending);
    if descending {
        out.extend_from_slice(reversed(key.id).as_bytes());
    } else {
        out.extend_from_slice(key.id.as_bytes());
    }
    out
}

/// What [`sort_bytes`] makes its answer of.
pub(crate) struct SortBytes<'a> {
    pub(crate) spec: &'a FieldSpec,
    pub(crate) value: Option<&'a Value>,
    pub(crate) id: &'a str,
}

/// The part of [`sort_bytes`] in front of the id.
pub(crate) fn sort_head(spec: &FieldSpec, value: Option<&Value>, descending: bool) -> Vec<u8> {
    match value {
        Some(value) => {
            let mut out = vec![b'1'];
            out.extend_from_slice(&ordered(spec, value));
            out.push(1);
            out
        }
        None if descending => vec![b'0'],
        None => vec![b'2'],
    }
}

/// The value in what [`sort_head`] made. `None` of it is a missing one.
pub(crate) fn from_sort_head(spec: &FieldSpec, head: &[u8]) -> Option<Value> {
    from_ordered(spec, head.strip_prefix(b"1")?.strip_suffix(&[1])?)
}

/// A number as the nearest finite double, and what that leaves where it may leave something: of
/// integers from 2^53 on, and of infinity, which RediSearch must not be given: one of each sign
/// and the mean of a range of its index is not a number, and what lies there is lost.
pub(crate) fn split(value: &Value) -> Option<(f64, Option<i128>)> {
    match value {
        Value::Int(int) => {
            let near = *int as f64;
            let rest = (int.abs() >= EXACT).then(|| int - near as i128);
            Some((near, rest))
        }
        Value::Float(float) => {
            let near = float.clamp(f64::MIN, f64::MAX);
            let beyond = match float.is_infinite() {
                true if *float > 0.0 => 1,
                true => -1,
                false => 0,
            };
            Some((near, (near.abs() == f64::MAX).then_some(beyond)))
        }
        _ => None,
    }
}

/// A double so that both we and the server read it back bit by bit.
pub(crate) fn number(float: f64) -> String {
    format!("{float:?}")
}

/// Names and values of the fields of a hash.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// All that is indexed of a document, as fields of a hash.
pub(crate) fn write(schema: &Schema, document: &Document, id: &IdKey) -> Fields {
    let mut fields: Fields = Vec::with_capacity(2 * schema.fields().len() + 2);
    fields.extend(write_id(id));
    let id = ordered_id(id);
    let mut nil = Vec::new();
    for (i, (spec, data)) in schema.fields().iter().zip(document.fields()).enumerate() {
        let mut put = |name: char, value: Vec<u8>| fields.push((format!("{name}{i}"), value));
        let sign = match &data.values {
            Values::Missing => Some('m'),
            Values::Many(values) if values.is_empty() => Some('e'),
            _ => None,
        };
        if let Some(sign) = sign {
            if !nil.is_empty() {
                nil.push(SEPARATOR);
            }
            nil.extend_from_slice(format!("{sign}{i}").as_bytes());
        }
        if let Some(tokens) = &data.tokens {
            put('t', write_tokens(mark(schema, i as u16), tokens));
        }
        if spec.sort {
            let value = data.values.one();
            let key = SortBytes {
                spec,
                value,
                id: &id,
            };
            put('a', sort_bytes(&key, false));
            put('d', sort_bytes(&key, true));
        }
        let values = data.values.as_slice();
        if !spec.index || values.is_empty() {
            continue;
        }
        match exact(spec) {
            Exact::Tag => {
                let tags: Vec<Vec<u8>> = values
                    .iter()
                    .map(|value| frame(&tag_bytes(spec, value)))
                    .collect();
                put('g', tags.join(&SEPARATOR));
            }
            Exact::Number => {
                let value = &values[0];
                if let Some((near, rest)) = split(value) {
                    put('n', number(near).into_bytes());
                    if let Some(rest) = rest {
                        put('r', rest.to_string().into_bytes());
                    }
                }
                if has_plain_value(spec) {
                    put('v', ordered(spec, value));
                }
            }
            Exact::Point => {
                if let Value::Geo(point) = &values[0] {
                    let [x, y, z] = point.unit();
                    put('y', number(point.lat).into_bytes());
                    put('x', number(point.lon).into_bytes());
                    put('u', number(x).into_bytes());
                    put('o', number(y).into_bytes());
                    put('w', number(z).into_bytes());
                    let text = format!("{:?} {:?}", point.lat, point.lon);
                    put('p', text.into_bytes());
                }
            }
        }
    }
    if !nil.is_empty() {
        fields.push((NIL.to_owned(), nil));
    }
    fields
}

/// What of an id is indexed, of objects and of absences.
pub(crate) fn write_id(id: &IdKey) -> Fields {
    vec![
        (ID.to_owned(), ordered_id(id).into_bytes()),
        (RANK.to_owned(), rank(id).into_bytes()),
    ]
}

/// The rank of an id as a number of the index.
pub(crate) fn rank(id: &IdKey) -> String {
    number(id.rank() as f64)
}

fn write_tokens(mark: char, tokens: &TokenList) -> Vec<u8> {
    let mut text = String::new();
    let mut next = 0;
    for (token, position) in tokens.iter() {
        while next < position {
            text.push_str(FILLER);
            text.push(' ');
            next += 1;
        }
        text.push(mark);
        text.push_str(token);
        text.push(END);
        text.push(' ');
        next = position + 1;
    }
    text.pop();
    text.into_bytes()
}

fn read_tokens(text: &[u8]) -> Option<TokenList> {
    let text = std::str::from_utf8(text).ok()?;
    let tokens = text
        .split_terminator(' ')
        .enumerate()
        .filter_map(|(position, token)| {
            let token = token.strip_suffix(END)?;
            let mut rest = token.chars();
            rest.next()?;
            Some((rest.as_str(), position as u32))
        });
    Some(TokenList::from_encoded(tokens))
}

/// The names of the fields that [`read`] wants.
pub(crate) fn readable(schema: &Schema) -> Vec<String> {
    let mut names = vec![NIL.to_owned()];
    for (i, spec) in schema.fields().iter().enumerate() {
        if spec.text.is_some() {
            names.push(format!("t{i}"));
        }
        names.extend(value_field(spec, i));
    }
    names
}

/// The field from which the value of a declared field can be read back, whatever it is.
pub(crate) fn value_field(spec: &FieldSpec, position: usize) -> Option<String> {
    let name = match exact(spec) {
        _ if spec.sort => 'a',
        _ if !spec.index => return None,
        Exact::Tag => 'g',
        Exact::Number => 'v',
        Exact::Point => 'p',
    };
    Some(format!("{name}{position}"))
}

/// The values in a [`value_field`]. `id` is that of the entry, ordered.
pub(crate) fn read_values(spec: &FieldSpec, field: &[u8], id: &str) -> Option<Vec<Value>> {
    if spec.sort {
        let head = field.strip_suffix(id.as_bytes())?;
        return Some(from_sort_head(spec, head).into_iter().collect());
    }
    match exact(spec) {
        Exact::Tag => read_tags(spec, field),
        Exact::Number => Some(vec![from_ordered(spec, field)?]),
        Exact::Point => {
            let (lat, lon) = std::str::from_utf8(field).ok()?.split_once(' ')?;
            let point = GeoPoint::new(lat.parse().ok()?, lon.parse().ok()?);
            Some(vec![Value::Geo(point)])
        }
    }
}

/// The document that [`write`] wrote. `field` gives a field of the hash by its name.
pub(crate) fn read<'a>(
    schema: &Schema,
    id: &IdKey,
    field: impl Fn(&str) -> Option<&'a [u8]>,
) -> Option<Document> {
    let id = ordered_id(id);
    let nil = field(NIL).unwrap_or_default();
    let signs: Vec<&[u8]> = nil.split(|&byte| byte == SEPARATOR).collect();
    let data = |(i, spec): (usize, &FieldSpec)| {
        let is = |sign: char| signs.contains(&format!("{sign}{i}").as_bytes());
        let stored = value_field(spec, i).and_then(|name| field(&name));
        let values = if is('m') {
            Values::Missing
        } else if is('e') {
            Values::Many(Vec::new())
        } else if let Some(stored) = stored {
            let mut values = read_values(spec, stored, &id)?;
            if spec.list {
                Values::Many(values)
            } else {
                Values::One(values.pop()?)
            }
        } else {
            Values::Present
        };
        let tokens = match field(&format!("t{i}")) {
            Some(text) => Some(Arc::new(read_tokens(text)?)),
            None => None,
        };
        Some(FieldData { values, tokens })
    };
    let data: Option<Vec<FieldData>> = schema.fields().iter().enumerate().map(data).collect();
    Some(Document::new(data?))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use larder_core::Analyzer;
    use proptest::prelude::*;

    use super::*;

    fn spec(kind: Kind) -> FieldSpec {
        let mut spec = FieldSpec::new("field", kind);
        spec.index = true;
        spec.sort = true;
        spec
    }

    fn any_value(kind: Kind) -> BoxedStrategy<Value> {
        match kind {
            Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            Kind::U64 => any::<u64>().prop_map(|int| Value::Int(int.into())).boxed(),
            Kind::F64 => proptest::num::f64::ANY
                .prop_filter("a number", |float| !float.is_nan())
                .prop_map(|float| Value::Float(float + 0.0))
                .boxed(),
            Kind::Keyword => prop_oneof!["[\u{0}-\u{b}!\"#\\[\\\\\\]a]{0,6}", any::<String>(),]
                .prop_map(Value::Str)
                .boxed(),
            Kind::Uuid => any::<u128>().prop_map(Value::Uuid).boxed(),
            _ => any::<i64>().prop_map(|int| Value::Int(int.into())).boxed(),
        }
    }

    /// A kind and two values of it, each of which may be missing.
    fn pairs() -> impl Strategy<Value = (Kind, Option<Value>, Option<Value>)> {
        prop::sample::select(
            &[
                Kind::Bool,
                Kind::I64,
                Kind::U64,
                Kind::F64,
                Kind::Keyword,
                Kind::Instant,
                Kind::Date,
                Kind::Uuid,
            ][..],
        )
        .prop_flat_map(|kind| {
            let value = || prop::option::weighted(0.9, any_value(kind));
            (Just(kind), value(), value())
        })
    }

    /// The order that is promised: missing last both ways.
    fn order(a: Option<&Value>, b: Option<&Value>, descending: bool) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) if descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn ordered_bytes_keep_the_order_and_come_back((kind, a, b) in pairs()) {
            let spec = spec(kind);
            for value in [&a, &b].into_iter().flatten() {
                let bytes = ordered(&spec, value);
                prop_assert_eq!(from_ordered(&spec, &bytes), Some(value.clone()));
                prop_assert!(!bytes.iter().any(|byte| b"\"\\\n\0".contains(byte)));
                prop_assert_eq!(
                    read_tags(&spec, &frame(&tag_bytes(&spec, value))),
                    Some(vec![value.clone()])
                );
            }
            if let (Some(a), Some(b)) = (&a, &b) {
                prop_assert_eq!(a.cmp(b), ordered(&spec, a).cmp(&ordered(&spec, b)));
            }
        }

        #[test]
        fn sort_bytes_go_by_value_and_then_by_id(
            (kind, a, b) in pairs(), ids: (Vec<u8>, Vec<u8>), same: bool,
        ) {
            let spec = spec(kind);
            let b = if same { a.clone() } else { b };
            let ids = [IdKey::from_bytes(&ids.0), IdKey::from_bytes(&ids.1)];
            let ordered_ids = [ordered_id(&ids[0]), ordered_id(&ids[1])];
            for descending in [false, true] {
                let bytes = |value: &Option<Value>, id: usize| {
                    let value = value.as_ref();
                    sort_bytes(&SortBytes { spec: &spec, value, id: &ordered_ids[id] }, descending)
                };
                let wanted = order(a.as_ref(), b.as_ref(), descending).then(ids[0].cmp(&ids[1]));
                let found = bytes(&a, 0).cmp(&bytes(&b, 1));
                prop_assert_eq!(wanted, if descending { found.reverse() } else { found });
                let head = sort_head(&spec, a.as_ref(), descending);
                prop_assert_eq!(from_sort_head(&spec, &head), a.clone());
            }
        }

        #[test]
        fn framed_bytes_hold_no_syntax_and_come_back(bytes: Vec<u8>) {
            let framed = frame(&bytes);
            prop_assert_eq!(unframe(&framed), Some(bytes));
            let inner = &framed[1..framed.len() - 1];
            prop_assert!(!inner.iter().any(|byte| b"\\*?\0\x02\x03\x1f\t\r\n".contains(byte)));
        }

        #[test]
        fn tokens_come_back_with_their_places(text: String, other: String) {
            let analyzer = Analyzer::new().with_stop_words(["a", "the"]);
            let tokens = analyzer.analyze(&format!("the {text} a {other}"));
            let written = write_tokens('\u{85}', &tokens);
            prop_assert_eq!(read_tokens(&written), Some(tokens));
        }

        #[test]
        fn numbers_split_without_loss(int in any::<i64>(), unsigned: u64, float: f64) {
            for int in [i128::from(int), i128::from(unsigned)] {
                let (near, rest) = split(&Value::Int(int)).expect("a number");
                prop_assert_eq!(near as i128 + rest.unwrap_or(0), int);
                prop_assert!(rest.unwrap_or(0).abs() <= 1_024);
            }
            let (near, _) = split(&Value::Float(float)).expect("a number");
            prop_assert!(near.is_finite() || float.is_nan());
        }
    }

    #[test]
    fn a_longer_id_that_begins_alike_comes_later_both_ways() {
        assert!(ordered_id(&IdKey::from_bytes(b"ab")) < ordered_id(&IdKey::from_bytes(b"abc")));
        assert!(reversed("6162") > reversed("616263"));
        assert_eq!(reversed("0123456789abcdef"), "fedcba9876543210g");
    }
}
