//! G13: what an object takes in memory, embedded and on Redis.

use larder::{EmbeddedStore, RedisStore};
use larder_benches::data::{self, User};
use larder_benches::poll::block_on;
use larder_testkit::server::{Kind, Server};

use crate::args::Scale;
use crate::report::{Goal, Row, Unit};
use crate::{Failure, Rows};

/// The embedded store's own count against what `used_memory` of the server grows by while the same
/// objects go in.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let embedded = EmbeddedStore::builder().build()?;
    let cache = data::load(&embedded, 1, scale.objects)?;
    let stats = block_on(cache.stats())?.store;
    let ours = stats.bytes as f64 / scale.objects as f64;

    let server = Server::builder(Kind::RedisSearch).start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let theirs = runtime.block_on(async {
        let store = RedisStore::connect(&server.url()).await?;
        let cache = larder::Cache::<User>::builder(store).build().await?;
        let before = used_memory(&server)?;
        data::fill(&cache, 1, scale.objects).await?;
        let objects = cache.stats().await?.store.objects;
        if objects != scale.objects as u64 || stats.objects != objects {
            return Err(Failure::from("a store does not hold what was put into it"));
        }
        Ok((used_memory(&server)? - before) / scale.objects as f64)
    })?;
    Ok(vec![Row::new(
        "bytes an object, embedded / Redis",
        ours / theirs,
        Unit::Times,
        Goal::AtMost(1.0),
        format!("{ours:.0} B / {theirs:.0} B"),
    )])
}

/// The memory that the server uses, what it would give back anyway being given back.
fn used_memory(server: &Server) -> Result<f64, Failure> {
    for index in server.command(&["FT._LIST"]).elements() {
        let forced = server.command(&["FT.DEBUG", "GC_FORCEINVOKE", &index.text()]);
        if forced.is_error() {
            return Err(format!("the index takes no garbage out: {forced}").into());
        }
    }
    server.command(&["MEMORY", "PURGE"]);
    let info = server.command(&["INFO", "memory"]).text();
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .ok_or("no used_memory in INFO")?;
    Ok(used.trim().parse()?)
}
