//! `connect`: the store that a URL names.

use larder_core::{Error, Result, Store};

/// The backends of this build, as messages name them.
const BACKENDS: &str = if cfg!(feature = "embedded") {
    "this build has `memory://`"
} else {
    "this build has none; turn on the feature `embedded` of `larder` for `memory://`"
};

/// Makes the store that a URL names: so that a program's configuration decides where its
/// objects live, and its code does not.
///
/// `memory://` is an `EmbeddedStore`, in this process alone; feature `embedded`. Its options
/// stand behind a `?`: `max_bytes=256MiB`, `max_objects=100000`, `ttl=1h`, `time_to_idle=10m`,
/// `flush_at=1000`. Each call makes a store of its own.
///
/// # Errors
/// `InvalidConfig` for a URL without a scheme, a scheme that this build has no backend for, and
/// options that are unknown, given twice or wrong. The message says what is allowed, and never
/// holds a password that the URL holds.
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
