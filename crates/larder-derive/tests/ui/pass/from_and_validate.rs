//! Projections from two sources, and the validate hook.
#![deny(warnings)]

use larder_core::{CacheModel as _, Invalid};
use larder_derive::{CacheFields, CacheModel};
use serde::{Deserialize, Serialize};

mod entity {
    #[derive(Clone)]
    pub struct Row<T> {
        pub id: u32,
        pub name: &'static str,
        pub age: u8,
        pub address: super::Address,
        pub extra: T,
        pub secret: String,
    }
    pub struct Other {
        pub id: u64,
        pub name: String,
        pub age: u16,
        pub address: super::Address,
        pub extra: Option<u8>,
    }
}

#[derive(Clone, Serialize, Deserialize, CacheFields)]
struct Address {
    #[cache(index)]
    city: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(from = entity::Row<u8>, from = entity::Other)]
#[cache(validate = rules::check)]
struct Card {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
    age: u16,
    #[cache(flatten)]
    address: Address,
    extra: Option<u8>,
    #[cache(skip)]
    cached_length: Option<usize>,
}

mod rules {
    pub(crate) fn check(card: &super::Card) -> Result<(), super::Invalid> {
        if card.age > 150 {
            return Err(super::Invalid::field("age", "must be at most 150"));
        }
        Ok(())
    }
}

fn main() {
    let address = Address { city: "L".into() };
    let row = entity::Row { id: 1, name: "jo", age: 3, address: address.clone(), extra: 5, secret: "s".into() };
    let card = Card::from(&row);
    assert_eq!((card.id, &*card.name, card.age, card.extra), (1, "jo", 3, Some(5)));
    assert_eq!((&*card.address.city, card.cached_length), ("L", None));
    assert!(card.validate().is_ok());
    let other = entity::Other { id: 2, name: "x".into(), age: 200, address, extra: None };
    let error = Card::from(&other).validate().unwrap_err();
    assert_eq!(error.field_name(), Some("age"));
    assert_eq!(row.secret, "s");
}
