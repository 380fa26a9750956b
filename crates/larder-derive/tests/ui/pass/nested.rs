//! Flattened structs: two levels, optional ones, and plain fields between them.
#![deny(warnings)]

use larder_core::{CacheFields as _, CacheModel as _, FieldRef, ValueRef};
use larder_derive::{CacheFields, CacheModel};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheFields)]
struct City {
    #[cache(index, sort)]
    name: String,
    #[cache(index)]
    zip: Option<u32>,
}

#[derive(Serialize, Deserialize, CacheFields)]
struct Address {
    #[cache(index)]
    street: String,
    #[cache(flatten)]
    city: City,
    #[cache(index)]
    number: u16,
}

#[derive(Serialize, Deserialize, CacheFields)]
struct Nothing {
    unused: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct Customer {
    #[cache(flatten)]
    home: Address,
    #[cache(flatten, rename = "office")]
    work: Option<Address>,
    #[cache(id, index)]
    id: u64,
    #[cache(index)]
    vip: bool,
    #[cache(flatten)]
    nothing: Nothing,
    #[cache(flatten)]
    birthplace: Option<City>,
    #[cache(sort)]
    rank: u8,
}

/// A model flattened into another.
#[derive(Serialize, Deserialize, CacheModel)]
struct Order {
    #[cache(id)]
    id: u64,
    #[cache(flatten)]
    customer: Customer,
    #[cache(sort)]
    total: u8,
}

fn text(object: &Customer, position: u16) -> String {
    format!("{:?}", object.field(position))
}

fn main() {
    let schema = Customer::schema("c").unwrap();
    let names: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(
        names,
        [
            "home.street", "home.city.name", "home.city.zip", "home.number", "office.street",
            "office.city.name", "office.city.zip", "office.number", "id", "vip", "birthplace.name",
            "birthplace.zip", "rank"
        ]
    );
    assert!(!schema.fields()[0].optional && schema.fields()[5].optional && !schema.fields()[9].optional);
    const F: CustomerFields<Customer> = Customer::FIELDS;
    let positions = [
        F.home.street.position(), F.home.city.name.position(), F.home.city.zip.position(), F.home.number.position(),
        F.work.street.position(), F.work.city.name.position(), F.work.city.zip.position(), F.work.number.position(),
        F.id.position(), F.vip.position(), F.birthplace.name.position(), F.birthplace.zip.position(), F.rank.position(),
    ];
    assert_eq!(positions.map(usize::from), std::array::from_fn(|at| at));
    assert_eq!(Order::FIELDS.customer.rank.position(), 12);
    assert_eq!(Order::FIELDS.total.position(), 13);
    assert_eq!(Order::schema("o").unwrap().fields()[5].name, "customer.office.city.name");

    let city = |name: &str| City { name: name.into(), zip: Some(4) };
    let mut customer = Customer {
        home: Address { street: "S".into(), city: city("C"), number: 7 },
        work: None,
        id: 1,
        vip: true,
        nothing: Nothing { unused: 0 },
        birthplace: Some(city("B")),
        rank: 5,
    };
    assert_eq!(text(&customer, 0), format!("{:?}", ValueRef::Str("S")));
    assert_eq!(text(&customer, 1), format!("{:?}", ValueRef::Str("C")));
    assert!(matches!(customer.field(3), FieldRef::One(ValueRef::Int(7))));
    assert!((4..8).all(|position| matches!(customer.field(position), FieldRef::Missing)));
    assert!(matches!(customer.field(9), FieldRef::One(ValueRef::Bool(true))));
    assert!(matches!(customer.field(10), FieldRef::One(ValueRef::Str("B"))));
    assert!(matches!(customer.field(12), FieldRef::One(ValueRef::Int(5))));
    assert!(matches!(customer.field(13), FieldRef::Missing));
    customer.work = Some(Address { street: "W".into(), city: city("D"), number: 8 });
    assert!(matches!(customer.field(7), FieldRef::One(ValueRef::Int(8))));
    let _ = (F.home.city.name.asc(), F.rank.desc(), F.work.number.eq(3), customer.nothing.unused);
    let order = Order { id: 2, customer, total: 9 };
    assert!(matches!(order.field(7), FieldRef::One(ValueRef::Int(8))));
    assert!(matches!(order.field(13), FieldRef::One(ValueRef::Int(9))));
}
