use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(colour = "red", version = 1)]
struct A {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(unknown(a, b))]
struct B {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct C {
    #[cache(id)]
    id: u64,
    #[cache(indexed, a::b = 3, sort)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct D {
    #[cache(id)]
    id: u64,
    #[cache(text(stemming = "english"))]
    field: String,
}


fn main() {}
