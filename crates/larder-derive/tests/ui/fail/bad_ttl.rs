use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(ttl = 60)]
struct A {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(ttl = "soon")]
struct B {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(ttl = "0s")]
struct C {
    #[cache(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(ttl = "5 parsecs")]
struct D {
    #[cache(id)]
    id: u64,
}


fn main() {}
