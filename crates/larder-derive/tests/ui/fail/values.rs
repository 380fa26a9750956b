use larder_derive::CacheValue;
use serde::Serialize;

#[derive(CacheValue)]
enum WithData {
    Plain,
    Tuple(u8),
    Named { a: u8 },
}

#[derive(Serialize, CacheValue)]
#[serde(rename_all = "Train-Case")]
enum Case {
    A,
}

#[derive(Serialize, CacheValue)]
enum Twins {
    #[serde(rename = "B")]
    A,
    B,
}

#[derive(CacheValue)]
struct Named {
    a: u8,
}

#[derive(CacheValue)]
struct Two(u8, u8);

#[derive(CacheValue)]
union Either {
    a: u8,
    b: i8,
}

#[derive(CacheValue)]
struct Borrowed<'a>(&'a str);

#[derive(CacheValue)]
#[cache(name = "x", colour)]
struct Options(u8);

fn main() {}
