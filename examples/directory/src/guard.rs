//! What stands before all pages: who may post, and what browsers are told.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::view;

/// Nothing comes from elsewhere, nothing is run or styled that stands in a page, and no other
/// site shows a page in a frame or is sent a form.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Refuses what another site has a browser post, and tells browsers what they may do.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let mut response = match is_safe || is_from_here(request.headers()) {
        true => next.run(request).await,
        false => view::Notice::foreign().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // The cache here knows when a page ends; a browser has to ask, and is told by the `ETag`.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// Whether a request to change something comes from one of our own pages, or from no browser at
/// all. There are no cookies that another site could misuse, yet who can reach this program may
/// not be whoever visits a site that would like to.
///
/// The rules are those of `CrossOriginProtection` in Go's `net/http`: `Sec-Fetch-Site` decides
/// where it is sent, and else `Origin`, which browsers send with each POST.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    if let Some(site) = text("sec-fetch-site") {
        return site == b"same-origin" || site == b"none";
    }
    match (text(ORIGIN.as_str()), text(HOST.as_str())) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            let origin = origin
                .strip_prefix(b"http://")
                .or_else(|| origin.strip_prefix(b"https://"));
            origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
    }
}
