//! The style, the script and the icon: part of the program, served under the digest of what
//! they hold.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::view;

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

static ASSETS: [Asset; 3] = [
    Asset {
        name: "directory.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("../assets/directory.css"),
    },
    Asset {
        name: "directory.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("../assets/directory.js"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        content: include_str!("../assets/icon.svg"),
    },
];

/// The digest of them all: with any change they are all found elsewhere.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in &ASSETS {
        digest.update(asset.content);
    }
    let mut text = String::with_capacity(16);
    for byte in digest.finalize().iter().take(8) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
});

/// Where pages find an asset.
pub(crate) fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *DIGEST)
}

/// Answers with one. Under another digest it is another program's page that asks, which is given
/// what there is, for now.
pub(crate) async fn asset(
    Path((digest, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return view::Notice::missing().into_response();
    };
    let tag = format!("\"{}\"", *DIGEST);
    let lasting = match digest == *DIGEST {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok());
    let is_known = known.is_some_and(|known| {
        let mut tags = known
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|known| known == tag)
    });
    let head = [
        (CACHE_CONTROL, lasting.to_owned()),
        (CONTENT_TYPE, asset.kind.to_owned()),
        (ETAG, tag),
    ];
    match is_known {
        true => (StatusCode::NOT_MODIFIED, head).into_response(),
        false => (head, asset.content).into_response(),
    }
}
