use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct A {
    #[cache(id)]
    id: u64,
    #[cache(index = true)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct B {
    #[cache(id)]
    id: u64,
    #[cache(sort(desc))]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct C {
    #[cache(id)]
    id: u64,
    #[cache(index, rename = x)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct D {
    #[cache(id)]
    id: u64,
    #[cache(index, rename = "")]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct E {
    #[cache(id)]
    id: u64,
    #[cache(index, scale = 19)]
    field: u8,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct F {
    #[cache(id)]
    id: u64,
    #[cache(text = "english")]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct G {
    #[cache(id)]
    id: u64,
    #[cache(text(stem))]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct H {
    #[cache(id)]
    id: u64,
    #[cache(text(stop_words = "a"))]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct I {
    #[cache(id)]
    id: u64,
    #[cache(text(fold = true))]
    field: String,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct J {
    #[cache(id)]
    id: u64,
    #[cache(text(stop_words(a)))]
    field: String,
}


fn main() {}
