use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct A {
    #[cache(id)]
    id: u64,
    #[cache(geo)]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct B {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    field: larder_core::GeoPoint,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct C {
    #[cache(id)]
    id: u64,
    #[cache(text)]
    field: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct D {
    #[cache(id)]
    id: u64,
    #[cache(sort)]
    field: Vec<u8>,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct E {
    #[cache(id)]
    id: u64,
    #[cache(sort)]
    field: larder_core::GeoPoint,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct F {
    #[cache(id)]
    id: u64,
    #[cache(index, ignore_case)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct G {
    #[cache(id)]
    id: u64,
    #[cache(index, scale = 2, rename = "a{b")]
    field: f64,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct H {
    #[cache(id)]
    id: u64,
    #[cache(geo)]
    field: Vec<larder_core::GeoPoint>,
}


fn main() {}
