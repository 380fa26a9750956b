use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct A {
    #[cache(id)]
    id: u64,
    #[cache(skip, index, rename = "x")]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct B {
    #[cache(id)]
    id: u64,
    #[cache(flatten, index, text)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct C {
    #[cache(id)]
    id: u64,
    #[cache(geo, text)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct D {
    #[cache(id)]
    id: u64,
    #[cache(geo, index)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct E {
    #[cache(id)]
    id: u64,
    #[cache(geo, sort, scale = 2, ignore_case)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct F {
    #[cache(id)]
    id: u64,
    #[cache(text, ignore_case)]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct G {
    #[cache(id)]
    id: u64,
    #[cache(scale = 2)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct H {
    #[cache(id)]
    id: u64,
    #[cache(rename = "x")]
    field: u8,
}


fn main() {}
