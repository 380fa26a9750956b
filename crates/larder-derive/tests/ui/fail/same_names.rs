use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
struct Model {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
    #[cache(sort, rename = "name")]
    nick: String,
    #[cache(sort)]
    r#type: u8,
    #[cache(index, rename = "type")]
    kind: u8,
}

fn main() {}
