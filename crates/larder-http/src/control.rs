//! `Cache-Control`, on both sides.

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};
use std::time::Duration;

/// The directives of a message that this cache looks at itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    pub(crate) only_if_cached: bool,
    /// Nothing stale may be served (RFC 9111, section 4.2.4).
    pub(crate) no_stale: bool,
    pub(crate) max_age: Option<Duration>,
    pub(crate) s_maxage: Option<Duration>,
    pub(crate) min_fresh: Option<Duration>,
}

impl Control {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let mut is_there = false;
        for value in headers.get_all(CACHE_CONTROL) {
            is_there = true;
            // What is no text is read as far as it is: `no-store` is found wherever it stands.
            let text = String::from_utf8_lossy(value.as_bytes());
            for directive in text.split(',') {
                let (name, value) = match directive.split_once('=') {
                    Some((name, value)) => (name, Some(value.trim().trim_matches('"'))),
                    None => (directive, None),
                };
                let seconds = || {
                    let seconds = value.and_then(|value| value.parse().ok());
                    Some(Duration::from_secs(seconds.unwrap_or(0)))
                };
                match &*name.trim().to_ascii_lowercase() {
                    "no-store" => control.no_store = true,
                    "no-cache" => control.no_cache = true,
                    "private" => control.private = true,
                    "only-if-cached" => control.only_if_cached = true,
                    "must-revalidate" | "proxy-revalidate" => control.no_stale = true,
                    "max-age" => control.max_age = seconds(),
                    "s-maxage" => {
                        control.no_stale = true;
                        control.s_maxage = seconds();
                    }
                    "min-fresh" => control.min_fresh = seconds(),
                    _ => {}
                }
            }
        }
        let pragma = || {
            let pragma = headers.get(PRAGMA)?.to_str().ok()?;
            Some(pragma.to_ascii_lowercase().contains("no-cache"))
        };
        if !is_there && pragma() == Some(true) {
            control.no_cache = true;
        }
        control
    }
}
