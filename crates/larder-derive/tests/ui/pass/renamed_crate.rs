//! The crate under another name.
#![deny(warnings)]

extern crate larder_core as pantry;

use larder_derive::{CacheFields, CacheModel, CacheValue};
use pantry::CacheModel as _;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(crate = pantry)]
struct Model {
    #[cache(id)]
    id: u8,
    #[cache(flatten)]
    part: Part,
}

#[derive(Serialize, Deserialize, CacheFields)]
#[cache(crate = crate::pantry)]
struct Part {
    #[cache(index)]
    state: State,
    #[cache(index)]
    count: Count,
}

#[derive(Serialize, Deserialize, CacheValue)]
#[cache(crate = ::larder_core)]
enum State {
    On,
}

#[derive(Serialize, Deserialize, CacheValue)]
#[cache(crate = pantry)]
struct Count(u8);

fn main() {
    assert_eq!(Model::FIELDS.part.count.position(), 1);
    let _ = Model::FIELDS.part.state.eq(State::On) & Model::FIELDS.part.count.ge(Count(1));
}
