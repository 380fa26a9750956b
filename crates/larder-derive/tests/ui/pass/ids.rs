//! Ids of one part and of four.
#![deny(warnings)]

use larder_core::{CacheModel as _, Id as _};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize, Deserialize, CacheModel)]
struct One {
    #[cache(id)]
    name: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct HTTPRoute2Target {
    #[cache(id, index, sort)]
    tenant: String,
    other: bool,
    #[cache(id)]
    number: i64,
    #[cache(id)]
    uuid: Uuid,
    #[cache(id, text)]
    path: String,
}

fn main() {
    let one = One { name: "x".into() };
    assert_eq!(one.id(), "x");
    assert_eq!(one.id_key(), one.id().to_key());
    let four = HTTPRoute2Target { tenant: "t".into(), other: true, number: -1, uuid: Uuid::nil(), path: "p".into() };
    let id: (String, i64, Uuid, String) = four.id();
    assert_eq!(id, ("t".to_owned(), -1, Uuid::nil(), "p".to_owned()));
    assert_eq!(four.id_key(), id.to_key());
    assert_eq!(HTTPRoute2Target::NAME, "http_route2_target");
    assert_eq!(One::schema("x").unwrap().version(), 1);
    assert_eq!(One::schema("x").unwrap().ttl(), None);
    assert_eq!(HTTPRoute2TargetPatch::default().other, larder_core::Change::Keep);
}
