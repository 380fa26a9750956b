use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Opaque;

#[derive(Serialize, Deserialize, CacheModel)]
struct Model {
    #[cache(id)]
    id: f64,
    #[cache(index)]
    opaque: Opaque,
}

fn main() {}
