use larder_derive::CacheFields;

#[derive(CacheFields)]
#[cache(name = "x", ttl = "1h", patch(Debug), colour)]
struct Part {
    #[cache(id)]
    id: u64,
    #[cache(skip)]
    rest: u8,
}

#[derive(CacheFields)]
struct Tuple(u8);

#[derive(CacheFields)]
enum Choice {
    A,
}

fn main() {}
