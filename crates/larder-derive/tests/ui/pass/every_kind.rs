//! Every kind of field, each option, and what the schema says of them.
#![deny(warnings)]
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use larder_core::{CacheFields as _, CacheModel as _, FieldRef, GeoPoint, Kind, ValueRef};
use larder_derive::CacheModel;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(name = "all", version = 7, ttl = "1h 30m")]
struct Everything {
    #[cache(id, index, sort)]
    id: Uuid,
    #[cache(index)]
    flag: bool,
    #[cache(index, sort)]
    small: i8,
    #[cache(sort)]
    large: u64,
    #[cache(index)]
    real: f64,
    #[cache(index, scale = 2)]
    price: Decimal,
    #[cache(index, sort, ignore_case, rename = "nick")]
    name: String,
    #[cache(text)]
    plain: Box<str>,
    #[cache(text(stem = "english", fold, bigrams, stop_words("the", "a")), index)]
    rich: Option<String>,
    #[cache(index)]
    letter: char,
    #[cache(index)]
    borrowed: Cow<'static, str>,
    #[cache(geo)]
    place: Option<GeoPoint>,
    #[cache(index, sort)]
    at: DateTime<Utc>,
    #[cache(index)]
    local: NaiveDateTime,
    #[cache(index)]
    day: NaiveDate,
    #[cache(index)]
    system: SystemTime,
    #[cache(index, text)]
    tags: Vec<String>,
    #[cache(index)]
    numbers: BTreeSet<u16>,
    #[cache(index)]
    ids: Option<HashSet<Uuid>>,
    carried: (u8, Vec<Option<String>>),
    #[cache(skip)]
    left_out: u8,
}

fn main() {
    let schema = Everything::schema("x").unwrap();
    assert_eq!((schema.name(), schema.version()), ("x", 7));
    assert_eq!(schema.ttl(), Some(Duration::from_secs(5400)));
    assert_eq!(Everything::NAME, "all");
    assert_eq!(Everything::COUNT, 19);

    let names: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(
        names,
        [
            "id", "flag", "small", "large", "real", "price", "nick", "plain", "rich", "letter", "borrowed",
            "place", "at", "local", "day", "system", "tags", "numbers", "ids"
        ]
    );
    const F: EverythingFields<Everything> = Everything::FIELDS;
    assert_eq!(F.id.position(), 0);
    assert_eq!(F.ids.position(), 18);
    assert_eq!(format!("{F:?}"), "EverythingFields");

    let field = |name| schema.field(schema.position(name).unwrap()).unwrap();
    assert!(field("id").index && field("id").sort && field("id").kind == Kind::Uuid);
    assert!(!field("large").index && field("large").sort);
    assert_eq!(field("price").scale, Some(2));
    assert!(field("nick").ignore_case && !field("plain").ignore_case);
    assert_eq!(field("plain").text, Some(larder_core::Analyzer::new()));
    assert!(!field("plain").index);
    assert_eq!(
        field("rich").text,
        Some(
            larder_core::Analyzer::new()
                .with_accent_folding()
                .with_stemming("english")
                .with_stop_words(["a", "the"])
                .with_bigrams()
        )
    );
    assert!(field("rich").optional && field("rich").index);
    assert!(field("place").index && field("place").optional && field("place").kind == Kind::Geo);
    assert!(field("tags").list && !field("tags").optional);
    assert!(field("ids").list && field("ids").optional);

    let object = Everything {
        id: Uuid::from_u128(9),
        flag: true,
        small: -3,
        large: 4,
        real: 0.5,
        price: Decimal::new(1234, 2),
        name: "Jo".into(),
        plain: "plain".into(),
        rich: None,
        letter: 'x',
        borrowed: "b".into(),
        place: Some(GeoPoint::new(1.0, 2.0)),
        at: DateTime::UNIX_EPOCH,
        local: DateTime::UNIX_EPOCH.naive_utc(),
        day: NaiveDate::from_ymd_opt(1970, 1, 2).unwrap(),
        system: SystemTime::UNIX_EPOCH,
        tags: vec!["a".into(), "b".into()],
        numbers: [1, 2].into(),
        ids: None,
        carried: (1, vec![]),
        left_out: 2,
    };
    assert!(matches!(object.field(2), FieldRef::One(ValueRef::Int(-3))));
    assert!(matches!(object.field(6), FieldRef::One(ValueRef::Str("Jo"))));
    assert!(matches!(object.field(8), FieldRef::Missing));
    assert!(matches!(object.field(14), FieldRef::One(ValueRef::Int(1))));
    assert!(matches!(object.field(16), FieldRef::Many(_)));
    assert!(matches!(object.field(18), FieldRef::Missing));
    assert!(matches!(object.field(19), FieldRef::Missing));
    assert!(object.validate().is_ok());
    assert_eq!(object.id(), Uuid::from_u128(9));
    let _ = (object.carried, object.left_out);

    let _ = F.flag.is_true() & F.small.lt(3) & F.real.between(0.0..1.0) & F.name.starts_with("j");
    let _ = F.plain.matches("x") & F.rich.eq("x") & F.letter.eq('x') & F.tags.contains("a");
    let _ = F.place.within(GeoPoint::new(0.0, 0.0), 5.0) & F.numbers.contains(3) & F.ids.is_none();
    let _ = (F.large.desc(), F.at.asc(), F.price.gt(Decimal::ONE));
    let _ = F.day.le(NaiveDate::MAX) & F.system.le(SystemTime::now()) & F.borrowed.eq("b");
    let _ = F.local.is_some();
}
