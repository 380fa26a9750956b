use larder_core::CacheModel as _;
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct User {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    indexed: u32,
    #[cache(text)]
    text: String,
    #[cache(sort)]
    sorted: String,
    carried: String,
}

fn main() {
    let _ = User::FIELDS.carried.eq("x");
}
