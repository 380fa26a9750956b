use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct Tuple(#[cache(id)] u64);

#[derive(Serialize, Deserialize, CacheModel)]
struct Unit;

#[derive(Serialize, Deserialize, CacheModel)]
enum Choice {
    A { id: u64 },
}

#[derive(CacheModel)]
union Either {
    a: u64,
    b: i64,
}

#[derive(Serialize, CacheModel)]
struct Borrowed<'a> {
    #[cache(id)]
    id: u64,
    name: &'a str,
}

fn main() {}
