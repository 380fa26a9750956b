//! Whether a response may be stored, and for how long: RFC 9111 as a shared cache, and stricter.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, EXPIRES, SET_COOKIE};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri};
use http_cache_semantics::{CacheOptions, CachePolicy};
use larder_core::Timestamp;

use crate::control::Control;
use crate::report::Why;
use crate::vary;

/// What is to be done with a response, as far as its head tells.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may be stored.
    Store(Terms),
    /// It may not.
    Pass(Why),
    /// It says that something failed.
    Failed,
}

/// On which terms a response may be stored.
#[derive(Debug)]
pub(crate) struct Terms {
    /// How long it is fresh, if its head says so.
    pub(crate) fresh_for: Option<Duration>,
    /// How old it was when it came.
    pub(crate) age: Duration,
    /// It may not be served behind its end.
    pub(crate) no_stale: bool,
    /// It says that nothing is there.
    pub(crate) is_missing: bool,
    /// What it varies by.
    pub(crate) vary: Vec<HeaderName>,
}

/// Whether a status says that the server failed, rather than what the resource is.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

pub(crate) fn of(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Verdict {
    if is_failure(status) {
        return Verdict::Failed;
    }
    let control = Control::of(headers);
    let refused = [
        (headers.contains_key(SET_COOKIE), Why::SetCookie),
        (control.no_store, Why::NoStore),
        (control.private, Why::Private),
        (is_stream(headers), Why::Streaming),
    ];
    if let Some((_, why)) = refused.into_iter().find(|(is_so, _)| *is_so) {
        return Verdict::Pass(why);
    }
    let Some(vary) = vary::names(headers) else {
        return Verdict::Pass(Why::VaryAny);
    };
    let (policy, now) = semantics(status, headers, now);
    if !policy.is_storable() {
        return Verdict::Pass(Why::Status);
    }
    if control.no_cache {
        return Verdict::Pass(Why::NoCache);
    }
    let says = control.max_age.or(control.s_maxage).is_some() || headers.contains_key(EXPIRES);
    let fresh_for = says.then(|| policy.time_to_live(now));
    if fresh_for.is_some_and(|fresh| fresh < Duration::from_millis(1)) {
        return Verdict::Pass(Why::NotFresh);
    }
    Verdict::Store(Terms {
        fresh_for,
        age: policy.age(now),
        no_stale: control.no_stale,
        is_missing: matches!(status.as_u16(), 404 | 405 | 410 | 414 | 501),
        vary,
    })
}

/// The response as the crate that knows RFC 9111 sees it. Whose it is and what its client wants was
/// looked at before, so the request is a plain one.
fn semantics(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> (CachePolicy, SystemTime) {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let now = UNIX_EPOCH + Duration::from_millis(millis);
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = Uri::from_static("/");
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    // Directives are read as they are written there; here in any case.
    if let Some(lower) = lower_cased(headers) {
        response
            .headers_mut()
            .insert(http::header::CACHE_CONTROL, lower);
    }
    let options = CacheOptions {
        shared: true,
        // How long a page is fresh is said by somebody, never guessed.
        cache_heuristic: 0.0,
        immutable_min_time_to_live: Duration::ZERO,
        ignore_cargo_cult: false,
    };
    let policy = CachePolicy::new_options(&request, &response, now, options);
    (policy, now)
}

fn lower_cased(headers: &HeaderMap) -> Option<http::HeaderValue> {
    let mut all = Vec::new();
    for value in headers.get_all(http::header::CACHE_CONTROL) {
        all.push(value.to_str().ok()?.to_ascii_lowercase());
    }
    (!all.is_empty()).then_some(())?;
    http::HeaderValue::try_from(all.join(", ")).ok()
}

/// Whether a body has no end.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().trim_start().to_ascii_lowercase();
    kind.starts_with("text/event-stream") || kind.starts_with("multipart/x-mixed-replace")
}
