use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(validate = check, from = Source)]
struct Model {
    #[cache(id)]
    id: u64,
    name: String,
}

struct Source {
    id: u64,
}

fn check(_: &Model) -> bool {
    true
}

fn main() {}
