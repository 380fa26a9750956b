use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(name = 3)]
struct A {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(name = "")]
struct B {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(version = "2")]
struct C {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(version = 5000000000)]
struct D {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(from = 5)]
struct E {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(validate = "check")]
struct F {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(patch = Debug)]
struct G {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(crate = "larder")]
struct H {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(name)]
struct I {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache]
struct J {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(patch(Debug, Default))]
struct K {
    #[cache(id)]
    id: u64,
}


fn main() {}
