use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(name = "a", name = "b")]
struct A {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(ttl = "1h")]
#[cache(ttl = "2h")]
struct B {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct C {
    #[cache(id)]
    id: u64,
    #[cache(index, sort, index)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct D {
    #[cache(id)]
    id: u64,
    #[cache(text(fold, fold, stem = "english", stem = "german"))]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct E {
    #[cache(id)]
    id: u64,
    #[cache(text, text)]
    field: String,
}


fn main() {}
