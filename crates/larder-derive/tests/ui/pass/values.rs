//! `CacheValue`: every case of serde's, renames, and newtypes.
#![deny(warnings)]

use larder_core::{CacheModel as _, FieldRef, GeoPoint, Kind, Scalar, ValueRef};
use larder_derive::{CacheModel, CacheValue};
use serde::{Deserialize, Serialize};

macro_rules! case {
    ($name:ident, $case:literal) => {
        #[derive(Serialize, Deserialize, CacheValue)]
        #[serde(rename_all = $case)]
        enum $name {
            VeryTasty,
            Plain2Go,
            #[serde(rename = "*other*")]
            Other,
            #[serde(rename(serialize = "out", deserialize = "in"))]
            Both,
            X,
        }
        same_as_serde(&[$name::VeryTasty, $name::Plain2Go, $name::Other, $name::Both, $name::X]);
    };
}

fn same_as_serde<T: Scalar + Serialize>(values: &[T]) {
    for value in values {
        let ValueRef::Str(name) = value.value() else { panic!("no keyword") };
        assert_eq!(serde_json::to_value(value).unwrap(), name);
    }
}

#[derive(Serialize, Deserialize, CacheValue)]
#[serde(rename_all(serialize = "kebab-case", deserialize = "snake_case"), deny_unknown_fields)]
enum Split {
    OneTwo,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize, CacheValue)]
enum Plain {
    First,
    #[deprecated]
    Second = 5,
}

#[derive(Serialize, Deserialize, CacheValue)]
struct Email(String);
#[derive(Serialize, Deserialize, CacheValue)]
struct Cents(pub i64);
#[derive(Serialize, Deserialize, CacheValue)]
struct Deep(Cents);
#[derive(Serialize, Deserialize, CacheValue)]
struct Place(GeoPoint);
#[derive(Serialize, Deserialize, CacheValue)]
struct State(Plain);

#[derive(Serialize, Deserialize, CacheModel)]
struct Model {
    #[cache(id)]
    id: u8,
    #[cache(index, sort)]
    plain: Plain,
    #[cache(index)]
    plains: Vec<Plain>,
    #[cache(index, text, ignore_case)]
    email: Email,
    #[cache(index, sort)]
    cents: Option<Deep>,
    #[cache(geo)]
    place: Place,
    #[cache(index)]
    state: State,
}

fn main() {
    case!(Lower, "lowercase");
    case!(Upper, "UPPERCASE");
    case!(Pascal, "PascalCase");
    case!(Camel, "camelCase");
    case!(Snake, "snake_case");
    case!(Screaming, "SCREAMING_SNAKE_CASE");
    case!(Kebab, "kebab-case");
    case!(ScreamingKebab, "SCREAMING-KEBAB-CASE");
    same_as_serde(&[Split::OneTwo]);
    same_as_serde(&[Plain::First]);

    const F: ModelFields<Model> = Model::FIELDS;
    let _ = F.plain.eq(Plain::First) & F.plains.contains(Plain::First) & F.state.ne(State(Plain::First));
    let _ = F.email.eq("x") & F.email.starts_with("x") & F.email.matches("y");
    let _ = F.cents.ge(Deep(Cents(3))) & F.place.within(GeoPoint::new(0.0, 0.0), 1.0);
    let kinds: Vec<_> = Model::schema("m").unwrap().fields().iter().map(|field| field.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Keyword, Kind::Keyword, Kind::Keyword, Kind::I64, Kind::Geo, Kind::Keyword]
    );
    let model = Model {
        id: 1,
        plain: Plain::First,
        plains: vec![],
        email: Email("a".into()),
        cents: Some(Deep(Cents(5))),
        place: Place(GeoPoint::new(1.0, 1.0)),
        state: State(Plain::First),
    };
    use larder_core::CacheFields as _;
    assert!(matches!(model.field(3), FieldRef::One(ValueRef::Int(5))));
    assert!(matches!(model.field(5), FieldRef::One(ValueRef::Str("First"))));
}
