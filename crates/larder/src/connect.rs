//! `connect`: the store that a URL names.

use larder_core::{Error, Result, Store};

/// The backends of this build, as messages name them.
const BACKENDS: &str = match (cfg!(feature = "embedded"), cfg!(feature = "redis")) {
    (true, true) => "this build has `memory://`, `redis://` and its relatives",
    (true, false) => {
        "this build has `memory://`; turn on the feature `redis` of `larder` for `redis://`"
    }
    (false, true) => {
        "this build has `redis://` and its relatives; turn on the feature `embedded` of `larder` for `memory://`"
    }
    (false, false) => {
        "this build has none; turn on the feature `embedded` of `larder` for `memory://`, or `redis` for `redis://`"
    }
};

/// Makes the store that a URL names: so that a program's configuration decides where its
/// objects live, and its code does not.
///
/// `memory://` is an `EmbeddedStore`, in this process alone; feature `embedded`. Its options
/// stand behind a `?`: `max_bytes=256MiB`, `max_objects=100000`, `ttl=1h`, `time_to_idle=10m`,
/// `flush_at=1000`. Each call makes a store of its own.
///
/// `redis://host`, `rediss://` (encrypted), `redis+unix://`, `redis+sentinel://` and
/// `redis+cluster://` are a `RedisStore`, on a Redis or Valkey server that programs share; feature
/// `redis`. Its options stand behind a `?` too: `namespace=shop`, `ttl=1h`, `codec=postcard`,
/// `timeout=500ms` and others, all in the docs of `RedisBuilder::from_url`.
///
/// # Errors
/// `InvalidConfig` for a URL without a scheme, a scheme that this build has no backend for, and
/// options that are unknown, given twice or wrong. The message says what is allowed, and never
/// holds a password that the URL holds. Of a server also `Unavailable` and `Timeout`, if it cannot
/// be reached.
///
/// ```
/// # async fn example() -> larder::Result<()> {
/// let store = larder::connect("memory://?max_bytes=256MiB&ttl=1h").await?;
/// // let users = Cache::<User>::builder(store).build().await?;
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
pub async fn connect(url: &str) -> Result<Store> {
    let Some((scheme, _)) = url
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme))
    else {
        return Err(Error::invalid_config(format!(
            "the URL of a store begins with a scheme and `://`; {BACKENDS}"
        )));
    };
    match scheme.to_ascii_lowercase().as_str() {
        #[cfg(feature = "embedded")]
        "memory" => {
            let store = larder_embedded::EmbeddedBuilder::from_url(url)?.build()?;
            Ok(std::sync::Arc::new(store))
        }
        #[cfg(feature = "redis")]
        "redis" | "rediss" | "redis+unix" | "redis+sentinel" | "rediss+sentinel"
        | "redis+cluster" | "rediss+cluster" | "valkey" | "valkeys" | "valkey+unix"
        | "valkey+sentinel" | "valkeys+sentinel" | "valkey+cluster" | "valkeys+cluster" => {
            Ok(larder_redis::RedisStore::connect(url).await?.into())
        }
        scheme => Err(Error::invalid_config(format!(
            "there is no backend for `{scheme}://`; {BACKENDS}"
        ))),
    }
}

/// Whether this is what RFC 3986 calls a scheme, and so neither a user nor a password.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}
