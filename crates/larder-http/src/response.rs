//! A response as it is stored, and made ready to be served.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, DATE, ETAG, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use larder_core::Timestamp;
use parking_lot::Mutex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::digest;
use crate::report::{CACHE_STATUS, Outcome, PageReport, Status, Why};
use crate::vary;

/// A page in the cache: a response, when it came, how long it is fresh, and what it was made from.
pub struct CachedResponse {
    stored: Stored,
    status: StatusCode,
    headers: HeaderMap,
    vary: Vec<HeaderName>,
    dependencies: Arc<[String]>,
    untracked: Option<Arc<str>>,
    /// Which page of this process it is; zero for one that was read from a store.
    number: u64,
    /// The head as it was served last, and the second at which it was.
    dressed: Mutex<Option<Dressed>>,
}

struct Dressed {
    second: i64,
    name: Arc<str>,
    headers: HeaderMap,
}

/// What of a page is written.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    status: u16,
    headers: Vec<(Bytes, Bytes)>,
    body: Bytes,
    /// In milliseconds since the Unix epoch.
    made_at: i64,
    /// In milliseconds: how old it was then.
    age: u64,
    /// In milliseconds from then; `None` if only a write ends it.
    fresh_for: Option<u64>,
    no_stale: bool,
    /// What of its request it varies by, and what that was.
    vary: Vec<String>,
    chosen_by: String,
    dependencies: Vec<String>,
    untracked: Option<String>,
}

/// What a page is made of.
pub(crate) struct Parts {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) made_at: Timestamp,
    pub(crate) age: Duration,
    pub(crate) fresh_for: Option<Duration>,
    pub(crate) no_stale: bool,
    pub(crate) vary: Vec<HeaderName>,
    pub(crate) chosen_by: String,
    pub(crate) dependencies: Vec<String>,
    pub(crate) untracked: Option<Arc<str>>,
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// The number that the next page of this process will have, or a later one.
pub(crate) fn next_number() -> u64 {
    NUMBER.load(Ordering::Acquire)
}

impl fmt::Debug for CachedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedResponse")
            .field("status", &self.status)
            .field("body", &self.stored.body.len())
            .field("dependencies", &self.dependencies)
            .finish_non_exhaustive()
    }
}

impl CachedResponse {
    pub(crate) fn new(parts: Parts) -> Self {
        let mut headers = parts.headers;
        prepare(&mut headers, parts.status, &parts.body, parts.made_at);
        let stored = Stored {
            status: parts.status.as_u16(),
            headers: headers
                .iter()
                .map(|(name, value)| {
                    let name = Bytes::copy_from_slice(name.as_str().as_bytes());
                    (name, Bytes::copy_from_slice(value.as_bytes()))
                })
                .collect(),
            body: parts.body,
            made_at: parts.made_at.as_millis(),
            age: millis(parts.age),
            fresh_for: parts.fresh_for.map(millis),
            no_stale: parts.no_stale,
            vary: parts.vary.iter().map(|name| name.as_str().into()).collect(),
            chosen_by: parts.chosen_by,
            dependencies: parts.dependencies,
            untracked: parts.untracked.as_deref().map(str::to_owned),
        };
        Self {
            status: parts.status,
            headers,
            vary: parts.vary,
            dependencies: stored.dependencies.clone().into(),
            untracked: parts.untracked,
            stored,
            number: NUMBER.fetch_add(1, Ordering::AcqRel),
            dressed: Mutex::new(None),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields, `Age` and `Cache-Status` aside.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.stored.body
    }

    /// What the page was made from, for people to read.
    pub fn dependencies(&self) -> &Arc<[String]> {
        &self.dependencies
    }

    /// Whether this page of this process is one that was made when `number` was the next or later.
    pub(crate) fn is_since(&self, number: u64) -> bool {
        self.number >= number
    }

    /// What a request is asked by: `None` if this page is the one that it means, or what its own
    /// page is found by.
    pub(crate) fn other_variant(&self, request: &HeaderMap) -> Option<String> {
        if self.vary.is_empty() {
            return None;
        }
        let chosen_by = vary::chosen_by(&self.vary, request);
        (chosen_by != self.stored.chosen_by).then_some(chosen_by)
    }

    /// How old the page is.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        let made_at = Timestamp::from_millis(self.stored.made_at);
        now.saturating_since(made_at) + Duration::from_millis(self.stored.age)
    }

    /// How many milliseconds it is fresh for; below zero, how long it has not been.
    pub(crate) fn left(&self, now: Timestamp) -> Option<i64> {
        let fresh_for = i64::try_from(self.stored.fresh_for?).unwrap_or(i64::MAX);
        let end = self.stored.made_at.saturating_add(fresh_for);
        Some(end.saturating_sub(now.as_millis()))
    }

    /// The report of one who is served this page.
    pub(crate) fn report(&self, outcome: Outcome, why: Option<Why>, now: Timestamp) -> PageReport {
        let left = self.left(now).map(|left| u64::try_from(left).unwrap_or(0));
        PageReport {
            age: Some(self.age(now)),
            ttl: left.map(Duration::from_millis),
            dependencies: Arc::clone(&self.dependencies),
            untracked: self.untracked.clone(),
            ..PageReport::new(outcome, why)
        }
    }

    /// The head of a hit. What it says changes once a second, and is made as often.
    pub(crate) fn hit_headers(&self, now: Timestamp, name: &Arc<str>) -> HeaderMap {
        // Relative to the page's own beginning, at which its age and lifetime count their seconds.
        let second = (now.as_millis() - self.stored.made_at).div_euclid(1_000);
        let mut dressed = self.dressed.lock();
        if let Some(dressed) = &*dressed
            && dressed.second == second
            && Arc::ptr_eq(&dressed.name, name)
        {
            return dressed.headers.clone();
        }
        let status = Status {
            ttl: self.left(now).map(|left| left.div_euclid(1_000)),
            ..Status::default()
        };
        let headers = self.aged_headers(now, status.value(name));
        *dressed = Some(Dressed {
            second,
            name: Arc::clone(name),
            headers: headers.clone(),
        });
        headers
    }

    /// The head of a page from the cache.
    pub(crate) fn aged_headers(&self, now: Timestamp, status: HeaderValue) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(AGE, HeaderValue::from(self.age(now).as_secs()));
        headers.append(CACHE_STATUS.clone(), status);
        headers
    }
}

/// What stays of a head where the body is not sent again (RFC 9110, section 15.4.5). Its length
/// stays: without, a server would say that it is zero.
pub(crate) fn not_modified(headers: &mut HeaderMap) {
    for name in [
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_RANGE,
        TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
}

/// Makes the head of a response one of a page: nothing that belongs to one connection, and what a
/// page has to have.
fn prepare(headers: &mut HeaderMap, status: StatusCode, body: &Bytes, now: Timestamp) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        // Said anew of each answer.
        "age",
    ] {
        headers.remove(name);
    }
    if !headers.contains_key(DATE) {
        // Dates have four digits for the year.
        let millis = u64::try_from(now.as_millis())
            .unwrap_or(0)
            .min(253_402_300_799_000);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis));
        headers.extend(HeaderValue::try_from(date).map(|date| (DATE, date)));
    }
    if status == StatusCode::NO_CONTENT {
        return;
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if status == StatusCode::OK && !headers.contains_key(ETAG) {
        let tag = format!("\"{}\"", digest([body.as_ref()]));
        headers.extend(HeaderValue::try_from(tag).map(|tag| (ETAG, tag)));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Serialize for CachedResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CachedResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let status = StatusCode::from_u16(stored.status).map_err(D::Error::custom)?;
        let mut headers = HeaderMap::with_capacity(stored.headers.len() + 2);
        for (name, value) in &stored.headers {
            let name = HeaderName::from_bytes(name).map_err(D::Error::custom)?;
            let value = HeaderValue::from_maybe_shared(value.clone()).map_err(D::Error::custom)?;
            headers.append(name, value);
        }
        let vary: Result<Vec<HeaderName>, _> =
            stored.vary.iter().map(|name| name.parse()).collect();
        Ok(Self {
            status,
            headers,
            vary: vary.map_err(D::Error::custom)?,
            dependencies: stored.dependencies.clone().into(),
            untracked: stored.untracked.as_deref().map(Arc::from),
            stored,
            number: 0,
            dressed: Mutex::new(None),
        })
    }
}
