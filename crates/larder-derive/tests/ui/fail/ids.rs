use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct None {
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct Five {
    #[cache(id)]
    a: u8,
    #[cache(id)]
    b: u8,
    #[cache(id)]
    c: u8,
    #[cache(id)]
    d: u8,
    #[cache(id)]
    e: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct Skipped {
    #[cache(id, skip)]
    id: u8,
}

fn main() {}
