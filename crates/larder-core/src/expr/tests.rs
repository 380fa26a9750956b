//! Binding keeps the meaning: the evaluator over the normal form against one that walks the
//! conditions as written, with an arithmetic of its own.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;

use super::Expr;
use crate::codec::Codec;
use crate::document::Document;
use crate::error::Result;
use crate::field::{Caps, Exact, Field, FieldRef, Geo, Keyword, List, Number, Scalar, Yes};
use crate::filter::Filter;
use crate::id::{Id, IdKey};
use crate::model::Object;
use crate::schema::{FieldSpec, Kind, Schema};
use crate::text::Analyzer;
use crate::value::{GeoPoint, ValueRef};

#[derive(Clone, Debug)]
struct Row {
    flag: Option<bool>,
    signed: Option<i64>,
    unsigned: u64,
    float: Option<f64>,
    keyword: Option<String>,
    list: Option<Vec<i64>>,
    /// In hundredths.
    price: Option<i64>,
    place: Option<GeoPoint>,
    /// Of words between single spaces.
    text: Option<String>,
}

impl Object for Row {
    fn field(&self, position: u16) -> FieldRef<'_> {
        fn one<'a>(value: Option<ValueRef<'a>>) -> FieldRef<'a> {
            value.map_or(FieldRef::Missing, FieldRef::One)
        }
        match position {
            0 => one(self.flag.map(ValueRef::Bool)),
            1 => one(self.signed.map(|n| ValueRef::Int(n.into()))),
            2 => FieldRef::One(ValueRef::Int(self.unsigned.into())),
            3 => one(self.float.map(ValueRef::Float)),
            4 => one(self.keyword.as_deref().map(ValueRef::Str)),
            5 => self
                .list
                .as_ref()
                .map_or(FieldRef::Missing, |list| FieldRef::Many(list)),
            6 => one(self.price.map(|price| ValueRef::Decimal {
                mantissa: price.into(),
                scale: 2,
            })),
            7 => one(self.place.map(ValueRef::Geo)),
            _ => one(self.text.as_deref().map(ValueRef::Str)),
        }
    }

    fn id_key(&self) -> IdKey {
        1_u64.to_key()
    }

    fn encode(&self, _: &dyn Codec) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    fn weight(&self) -> Result<usize> {
        Ok(1)
    }
}

fn schema() -> Schema {
    let kinds = [
        ("flag", Kind::Bool),
        ("signed", Kind::I64),
        ("unsigned", Kind::U64),
        ("float", Kind::F64),
        ("keyword", Kind::Keyword),
        ("list", Kind::I64),
        ("price", Kind::Decimal),
        ("place", Kind::Geo),
        ("text", Kind::Keyword),
    ];
    let fields = kinds.into_iter().map(|(name, kind)| {
        let mut spec = FieldSpec::new(name, kind);
        spec.optional = name != "unsigned";
        spec.index = name != "text";
        spec.list = name == "list";
        spec.ignore_case = name == "keyword";
        spec.scale = (name == "price").then_some(2);
        spec.text = (name == "text").then(Analyzer::new);
        spec
    });
    Schema::new::<Row>("row", 1, None, fields.collect()).unwrap()
}

/// A decimal, as a condition asks for it.
#[derive(Clone, Copy, Debug)]
struct Price(i128, u32);

impl Scalar for Price {
    type Class = Number<Self>;
    const KIND: Kind = Kind::Decimal;
    fn value(&self) -> ValueRef<'_> {
        ValueRef::Decimal {
            mantissa: self.0,
            scale: self.1,
        }
    }
}

#[derive(Clone, Debug)]
enum Condition {
    All,
    None,
    Missing(u16),
    Flag(bool),
    Signed(i64),
    SignedIn(Vec<i64>),
    SignedRange(Bound<i64>, Bound<i64>),
    UnsignedRange(Bound<u64>, Bound<u64>),
    Float(f64),
    FloatRange(Bound<f64>, Bound<f64>),
    Keyword(String),
    Like(String),
    Contains(i64),
    ContainsAll(Vec<i64>),
    EmptyList,
    Price(i128, u32),
    PriceRange(Bound<(i128, u32)>, Bound<(i128, u32)>),
    Within(GeoPoint, f64),
    Matches(Vec<String>),
    Any(Vec<String>),
    Phrase(Vec<String>),
    Wildcard(String),
    Fuzzy(String, u8),
}

#[derive(Clone, Debug)]
enum Tree {
    Leaf(Condition),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
}

type Handle<C> = Field<Row, C, Caps<Yes, Yes, Yes>>;

impl Condition {
    fn filter(&self) -> Filter<Row> {
        let signed: Handle<Number<i64>> = Field::at(1);
        let unsigned: Handle<Number<u64>> = Field::at(2);
        let float: Handle<Number<f64>> = Field::at(3);
        let keyword: Handle<Keyword> = Field::at(4);
        let list: Handle<List<Number<i64>>> = Field::at(5);
        let price: Handle<Number<Price>> = Field::at(6);
        let text: Handle<Keyword> = Field::at(8);
        let priced = |bound: &Bound<(i128, u32)>| bound.map(|(m, s)| Price(m, s));
        match self {
            Self::All => Filter::all(),
            Self::None => Filter::none(),
            Self::Missing(field) => Handle::<Keyword>::at(*field).is_none(),
            Self::Flag(flag) => Handle::<Exact<bool>>::at(0).eq(*flag),
            Self::Signed(n) => signed.eq(*n),
            Self::SignedIn(many) => signed.in_(many.iter().copied()),
            Self::SignedRange(low, high) => signed.between((*low, *high)),
            Self::UnsignedRange(low, high) => unsigned.between((*low, *high)),
            Self::Float(x) => float.eq(*x),
            Self::FloatRange(low, high) => float.between((*low, *high)),
            Self::Keyword(word) => keyword.eq(word),
            Self::Like(pattern) => keyword.like(pattern),
            Self::Contains(n) => list.contains(*n),
            Self::ContainsAll(many) => list.contains_all(many.iter().copied()),
            Self::EmptyList => list.is_empty(),
            Self::Price(mantissa, scale) => price.eq(Price(*mantissa, *scale)),
            Self::PriceRange(low, high) => price.between((priced(low), priced(high))),
            Self::Within(center, radius) => Handle::<Geo>::at(7).within(*center, *radius),
            Self::Matches(words) => text.matches(words.join(" ")),
            Self::Any(words) => text.any(words.join(" ")),
            Self::Phrase(words) => text.phrase(words.join(" ")),
            Self::Wildcard(pattern) => text.wildcard(pattern),
            Self::Fuzzy(word, distance) => text.fuzzy(word, *distance),
        }
    }

    /// What the condition says, read off the row itself.
    fn holds(&self, row: &Row) -> bool {
        let words: Vec<&str> = row.text.as_deref().map_or(Vec::new(), |text| {
            text.split(' ').filter(|word| !word.is_empty()).collect()
        });
        let has = |word: &String| words.contains(&word.as_str());
        match self {
            Self::All => true,
            Self::None => false,
            Self::Missing(0) => row.flag.is_none(),
            Self::Missing(1) => row.signed.is_none(),
            Self::Missing(2) => false,
            Self::Missing(3) => row.float.is_none(),
            Self::Missing(4) => row.keyword.is_none(),
            Self::Missing(5) => row.list.is_none(),
            Self::Missing(6) => row.price.is_none(),
            Self::Missing(7) => row.place.is_none(),
            Self::Missing(_) => row.text.is_none(),
            Self::Flag(flag) => row.flag == Some(*flag),
            Self::Signed(n) => row.signed == Some(*n),
            Self::SignedIn(many) => row.signed.is_some_and(|n| many.contains(&n)),
            Self::SignedRange(low, high) => row.signed.is_some_and(|n| lies(&n, low, high)),
            Self::UnsignedRange(low, high) => lies(&row.unsigned, low, high),
            Self::Float(x) => row.float.is_some_and(|float| float == *x),
            Self::FloatRange(low, high) => row.float.is_some_and(|x| lies(&x, low, high)),
            Self::Keyword(word) => row
                .keyword
                .as_ref()
                .is_some_and(|keyword| keyword.to_lowercase() == word.to_lowercase()),
            Self::Like(pattern) => row
                .keyword
                .as_ref()
                .is_some_and(|keyword| fits(&pattern.to_lowercase(), &keyword.to_lowercase())),
            Self::Contains(n) => row.list.as_ref().is_some_and(|list| list.contains(n)),
            Self::ContainsAll(many) => many
                .iter()
                .all(|n| row.list.as_ref().is_some_and(|list| list.contains(n))),
            Self::EmptyList => row.list.as_ref().is_some_and(Vec::is_empty),
            // Small enough that thousandths of everything are integers.
            Self::Price(mantissa, scale) => row.price.is_some_and(|price| {
                thousandths(price.into(), 2) == thousandths(*mantissa, *scale)
            }),
            Self::PriceRange(low, high) => row.price.is_some_and(|price| {
                let in_thousandths =
                    |bound: &Bound<(i128, u32)>| bound.map(|(m, s)| thousandths(m, s));
                lies(
                    &thousandths(price.into(), 2),
                    &in_thousandths(low),
                    &in_thousandths(high),
                )
            }),
            Self::Within(center, radius) => row.place.is_some_and(|place| {
                // Haversine: another formula than the one under test, so the radii keep clear
                // of the distances of the few points there are.
                let [a, b, c, d] =
                    [center.lat, center.lon, place.lat, place.lon].map(f64::to_radians);
                let half = |x: f64| (x / 2.0).sin().powi(2);
                let h = half(c - a) + a.cos() * c.cos() * half(d - b);
                2.0 * 6_371_008.8 * h.sqrt().min(1.0).asin() <= *radius
            }),
            Self::Matches(wanted) => wanted.iter().all(has),
            Self::Any(wanted) => wanted.iter().any(has),
            Self::Phrase(wanted) => words.windows(wanted.len()).any(|window| window == wanted),
            Self::Wildcard(pattern) => words.iter().any(|word| fits(pattern, word)),
            Self::Fuzzy(wanted, limit) => words
                .iter()
                .any(|word| distance(wanted.as_bytes(), word.as_bytes()) <= usize::from(*limit)),
        }
    }
}

fn lies<T: PartialOrd>(value: &T, low: &Bound<T>, high: &Bound<T>) -> bool {
    let above = match low {
        Bound::Unbounded => true,
        Bound::Included(low) => value >= low,
        Bound::Excluded(low) => value > low,
    };
    let below = match high {
        Bound::Unbounded => true,
        Bound::Included(high) => value <= high,
        Bound::Excluded(high) => value < high,
    };
    above && below
}

fn thousandths(mantissa: i128, scale: u32) -> i128 {
    mantissa * 10_i128.pow(3 - scale)
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let behind = |text: &str| text.chars().next().map(|c| text[c.len_utf8()..].to_owned());
    match first {
        '*' => fits(rest, text) || behind(text).is_some_and(|text| fits(pattern, &text)),
        '?' => behind(text).is_some_and(|text| fits(rest, &text)),
        c => text.strip_prefix(c).is_some_and(|text| fits(rest, text)),
    }
}

fn distance(a: &[u8], b: &[u8]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a_rest @ ..], [y, b_rest @ ..]) if x == y => distance(a_rest, b_rest),
        ([_, a_rest @ ..], [_, b_rest @ ..]) => {
            1 + distance(a_rest, b_rest)
                .min(distance(a, b_rest))
                .min(distance(a_rest, b))
        }
    }
}

impl Tree {
    fn filter(&self) -> Filter<Row> {
        match self {
            Self::Leaf(condition) => condition.filter(),
            Self::And(children) => Filter::all_of(children.iter().map(Self::filter)),
            Self::Or(children) => Filter::any_of(children.iter().map(Self::filter)),
            Self::Not(inner) => !inner.filter(),
        }
    }

    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Leaf(condition) => condition.holds(row),
            Self::And(children) => children.iter().all(|child| child.holds(row)),
            Self::Or(children) => children.iter().any(|child| child.holds(row)),
            Self::Not(inner) => !inner.holds(row),
        }
    }

    /// The same meaning, written in another way at each node.
    fn rewritten(&self, seed: &mut u64) -> Self {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let way = (*seed >> 33) % 5;
        let not = |tree: Self| Self::Not(Box::new(tree));
        match self {
            Self::Leaf(condition) => {
                let leaf = Self::Leaf(condition.clone());
                match way {
                    0 => not(not(leaf)),
                    1 => Self::And(vec![leaf.clone(), leaf]),
                    2 => Self::Or(vec![leaf.clone(), leaf]),
                    _ => leaf,
                }
            }
            Self::Not(inner) => not(inner.rewritten(seed)),
            Self::And(children) | Self::Or(children) => {
                let mut children: Vec<_> =
                    children.iter().map(|child| child.rewritten(seed)).collect();
                let is_and = matches!(self, Self::And(_));
                let same = |children| {
                    if is_and {
                        Self::And(children)
                    } else {
                        Self::Or(children)
                    }
                };
                match way {
                    0 => children.reverse(),
                    1 => children.extend(children.first().cloned()),
                    2 => {
                        let negated = children.into_iter().map(not).collect();
                        return not(if is_and {
                            Self::Or(negated)
                        } else {
                            Self::And(negated)
                        });
                    }
                    3 if children.len() > 1 => {
                        let tail = children.split_off(1);
                        children.insert(0, same(tail));
                    }
                    _ => {}
                }
                same(children)
            }
        }
    }
}

const SIGNED: &[i64] = &[
    i64::MIN,
    i64::MIN + 1,
    -1,
    0,
    1,
    2,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX - 1,
    i64::MAX,
];
const UNSIGNED: &[u64] = &[0, 1, 2, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];
const FLOATS: &[f64] = &[
    f64::NEG_INFINITY,
    f64::MIN,
    -1.0,
    -5e-324,
    -0.0,
    0.0,
    5e-324,
    1.0,
    f64::MAX,
    f64::INFINITY,
];
const POINTS: &[(f64, f64)] = &[
    (0.0, 0.0),
    (0.0, 180.0),
    (0.0, -180.0),
    (90.0, 0.0),
    (-90.0, 7.0),
    (45.0, 45.0),
];

fn any_row() -> impl Strategy<Value = Row> {
    use proptest::option::of;
    use proptest::sample::select;
    (
        of(any::<bool>()),
        of(select(SIGNED)),
        select(UNSIGNED),
        of(select(FLOATS)),
        of("[aAbé]{0,3}"),
        of(proptest::collection::vec(0..4_i64, 0..3)),
        of(-30..30_i64),
        of(select(POINTS)),
        of("([abc]{1,3} ){0,4}"),
    )
        .prop_map(
            |(flag, signed, unsigned, float, keyword, list, price, place, text)| Row {
                flag,
                signed,
                unsigned,
                float,
                keyword,
                list,
                price,
                place: place.map(|(lat, lon)| GeoPoint::new(lat, lon)),
                text,
            },
        )
}

fn bound<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Bound<T>> {
    (value, 0..5).prop_map(|(value, kind)| match kind {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Included(value),
        _ => Bound::Excluded(value),
    })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    use proptest::collection::vec;
    use proptest::sample::select;
    let words = || vec("[abc]{1,3}", 1..4);
    let price = || (-300..300_i128, 1..=3_u32);
    prop_oneof![
        Just(Condition::All),
        Just(Condition::None),
        (0..9_u16).prop_map(Condition::Missing),
        any::<bool>().prop_map(Condition::Flag),
        select(SIGNED).prop_map(Condition::Signed),
        vec(select(SIGNED), 0..4).prop_map(Condition::SignedIn),
        (bound(select(SIGNED)), bound(select(SIGNED)))
            .prop_map(|(low, high)| Condition::SignedRange(low, high)),
        (bound(select(UNSIGNED)), bound(select(UNSIGNED)))
            .prop_map(|(low, high)| Condition::UnsignedRange(low, high)),
        select(FLOATS).prop_map(Condition::Float),
        (bound(select(FLOATS)), bound(select(FLOATS)))
            .prop_map(|(low, high)| Condition::FloatRange(low, high)),
        "[aAbé]{0,3}".prop_map(Condition::Keyword),
        "[aAbé*]{0,4}".prop_map(Condition::Like),
        (0..4_i64).prop_map(Condition::Contains),
        vec(0..4_i64, 0..3).prop_map(Condition::ContainsAll),
        Just(Condition::EmptyList),
        price().prop_map(|(mantissa, scale)| Condition::Price(mantissa, scale)),
        (bound(price()), bound(price())).prop_map(|(low, high)| Condition::PriceRange(low, high)),
        (
            select(POINTS),
            select(&[1.0, 4_000e3, 7_000e3, 9_000e3, 12_000e3, 17_000e3, 21_000e3][..])
        )
            .prop_map(|((lat, lon), radius)| Condition::Within(GeoPoint::new(lat, lon), radius)),
        words().prop_map(Condition::Matches),
        words().prop_map(Condition::Any),
        words().prop_map(Condition::Phrase),
        "[abc?*]{0,2}[abc][abc?*]{0,2}".prop_map(Condition::Wildcard),
        ("[abc]{1,4}", 1..=3_u8).prop_map(|(word, distance)| Condition::Fuzzy(word, distance)),
    ]
}

fn any_tree() -> impl Strategy<Value = Tree> {
    any_condition()
        .prop_map(Tree::Leaf)
        .prop_recursive(5, 24, 4, |inner| {
            let many = proptest::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                many.clone().prop_map(Tree::And),
                many.prop_map(Tree::Or),
                inner.prop_map(|tree| Tree::Not(Box::new(tree))),
            ]
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn binding_keeps_the_meaning(
        tree in any_tree(), rows in proptest::collection::vec(any_row(), 1..12),
    ) {
        let schema = schema();
        let expr = Expr::bind(tree.filter(), &schema).unwrap();
        for row in rows {
            let document = Document::of(&schema, &row).unwrap();
            prop_assert_eq!(expr.matches(&document), tree.holds(&row), "{:?} on {:?}", expr, row);
        }
    }

    #[test]
    fn one_condition_means_what_it_says(condition in any_condition(), row in any_row()) {
        let schema = schema();
        let expr = Expr::bind(condition.filter(), &schema).unwrap();
        let document = Document::of(&schema, &row).unwrap();
        prop_assert_eq!(expr.matches(&document), condition.holds(&row), "{:?}", expr);
    }

    #[test]
    fn another_way_to_write_a_filter_has_the_same_canonical_bytes(tree in any_tree(), seed: u64) {
        let schema = schema();
        let mut seed = seed;
        let rewritten = tree.rewritten(&mut seed);
        let bytes = |tree: &Tree| Expr::bind(tree.filter(), &schema).unwrap().canonical();
        prop_assert_eq!(bytes(&tree), bytes(&rewritten), "{:?}", rewritten);
    }

    #[test]
    fn filters_of_different_meaning_have_different_canonical_bytes(
        a in any_condition(), b in any_condition(), tree in any_tree(),
        rows in proptest::collection::vec(any_row(), 1..12),
    ) {
        let schema = schema();
        let bytes = |tree: &Tree| Expr::bind(tree.filter(), &schema).unwrap().canonical();
        let both = [Tree::Leaf(a), Tree::Leaf(b), tree];
        for (x, y) in [(0, 1), (0, 2), (1, 2)] {
            let differ = rows.iter().any(|row| both[x].holds(row) != both[y].holds(row));
            prop_assert!(!differ || bytes(&both[x]) != bytes(&both[y]));
        }
    }
}
