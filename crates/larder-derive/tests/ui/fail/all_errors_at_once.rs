use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(ttl = "soon", colour)]
struct Everything {
    #[cache(index = 1, sorted, text(stem))]
    name: String,
    #[cache(scale = 2)]
    price: f64,
    #[cache(index, rename = "name")]
    other: u8,
}

fn main() {}
