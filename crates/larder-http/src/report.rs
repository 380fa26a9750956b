//! What happened to a request: for clients in `Cache-Status`, for programs in a [`PageReport`].

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// Names a variant for each reason, with the word that `Cache-Status` and counters have for it.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why a page was served as it was, or could not be stored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Why {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Why {
            /// All reasons, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word for it: the `detail` of `Cache-Status`, and the name of its counter. Stable.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// The rule of the path says that nothing is cached.
    RuleOff = "rule-off",
    /// The request's `Host` is no name of a host, or not the one that its URI has.
    Host = "host",
    /// The request's method is none that is cached.
    Method = "method",
    /// The request has `Authorization`, and nobody says whose it is.
    Authorization = "authorization",
    /// The request has cookies, and nobody says whose they are.
    Cookie = "cookie",
    /// The request is for a part of the page.
    Range = "range",
    /// The request has a condition that the handler has to look at: `If-Match` and its like.
    Precondition = "precondition",
    /// The request is for another protocol.
    Upgrade = "upgrade",
    /// The request has a body that is not part of the key, or one that is too large for it.
    RequestBody = "request-body",
    /// The client forbids to store, and is listened to.
    RequestNoStore = "request-no-store",
    /// The client wants what is there alone, and nothing is.
    OnlyIfCached = "only-if-cached",
    /// The response sets a cookie.
    SetCookie = "set-cookie",
    /// The response is for one client.
    Private = "private",
    /// The response forbids to store it.
    NoStore = "no-store",
    /// The response wants to be asked about every time.
    NoCache = "no-cache",
    /// The response is stale already.
    NotFresh = "not-fresh",
    /// Responses of this status are not cached, or not without a lifetime.
    Status = "status",
    /// The response varies by what no header says.
    VaryAny = "vary-any",
    /// There are as many variants as may be.
    Variants = "variants",
    /// Nobody says how long the page is fresh, and nothing of what it was made from is known.
    NoLifetime = "no-lifetime",
    /// What the page was made from changed while it was made.
    Overtaken = "overtaken",
    /// The body is larger than what is stored.
    TooLarge = "too-large",
    /// The body is a stream of events without an end.
    Streaming = "streaming",
    /// The body has trailers.
    Trailers = "trailers",
    /// The body ended in an error.
    BodyFailed = "body-failed",
    /// The handler failed: an error, a panic, or a status of 500 and above.
    Failed = "failed",
    /// It is remembered that the page may not be cached.
    Remembered = "remembered",
    /// The page is stale, and is being made anew.
    StaleWhileRevalidate = "stale-while-revalidate",
    /// The page is stale, and could not be made anew, or not in time.
    StaleIfError = "stale-if-error",
    /// The page was not made in time.
    Timeout = "timeout",
    /// The store, or too many loads at once.
    Store = "store",
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// From the cache, fresh.
    Hit,
    /// From the cache, behind its end; the reason says why.
    Stale,
    /// By the handler; the page is stored.
    Miss,
    /// By a handler that another request had called already: one call for both.
    Collapsed,
    /// By the handler; the page is not stored, and the reason says why.
    Uncacheable,
    /// By the handler, without a look at the cache; the reason says why.
    Bypass,
    /// By the cache, with an error of its own: 504.
    Refused,
}

/// What happened to a request. It stands in the response's extensions.
///
/// ```
/// use larder_http::PageReport;
///
/// fn show<B>(response: &http::Response<B>) -> Option<String> {
///     let report = response.extensions().get::<PageReport>()?;
///     Some(format!("{:?}, made from {} rows", report.outcome, report.dependencies.len()))
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageReport {
    /// How the request was answered.
    pub outcome: Outcome,
    /// Why so, where that is not plain.
    pub why: Option<Why>,
    /// How old the page is, where it came from the cache.
    pub age: Option<Duration>,
    /// How long it is fresh from now on; zero where it is stale, `None` where only a write ends it
    /// or it is not cached.
    pub ttl: Option<Duration>,
    /// What the page was made from, for people to read.
    pub dependencies: Arc<[String]>,
    /// Why these are not all, if they are not: then time alone ends the page.
    pub untracked: Option<Arc<str>>,
}

impl PageReport {
    pub(crate) fn new(outcome: Outcome, why: Option<Why>) -> Self {
        Self {
            outcome,
            why,
            age: None,
            ttl: None,
            dependencies: Arc::default(),
            untracked: None,
        }
    }
}

pub(crate) static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request went to the handler (RFC 9211, section 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Forward {
    /// It did not.
    #[default]
    No,
    /// The cache was not asked.
    Bypass,
    /// The method has to.
    Method,
    /// There is no page of this URI.
    UriMiss,
    /// There are pages of this URI, and not of these headers.
    VaryMiss,
    /// There is one that is stale.
    Stale,
    /// The client asked for it.
    Request,
    /// No page, for a reason that is said.
    Miss,
}

impl Forward {
    const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::No => None,
            Self::Bypass => Some("bypass"),
            Self::Method => Some("method"),
            Self::UriMiss => Some("uri-miss"),
            Self::VaryMiss => Some("vary-miss"),
            Self::Stale => Some("stale"),
            Self::Request => Some("request"),
            Self::Miss => Some("miss"),
        }
    }
}

/// A member of `Cache-Status`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status<'s> {
    pub(crate) forward: Forward,
    pub(crate) status: Option<u16>,
    pub(crate) stored: bool,
    pub(crate) collapsed: bool,
    /// In seconds; below zero where what is served is stale.
    pub(crate) ttl: Option<i64>,
    pub(crate) key: Option<&'s str>,
    pub(crate) why: Option<Why>,
}

impl Status<'_> {
    /// As the value of the header, under the cache's name.
    pub(crate) fn value(&self, name: &str) -> HeaderValue {
        let mut text = String::with_capacity(64);
        text.push_str(name);
        match self.forward.as_str() {
            None if self.why == Some(Why::OnlyIfCached) => {}
            None => text.push_str("; hit"),
            Some(forward) => {
                let _ = write!(text, "; fwd={forward}");
            }
        }
        if let Some(status) = self.status {
            let _ = write!(text, "; fwd-status={status}");
        }
        if self.stored {
            text.push_str("; stored");
        }
        if self.collapsed {
            text.push_str("; collapsed");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(text, "; ttl={ttl}");
        }
        if let Some(key) = self.key {
            text.push_str("; key=\"");
            for c in key.chars() {
                match c {
                    '"' | '\\' => text.extend(['\\', c]),
                    ' '..='~' => text.push(c),
                    // What separates the parts of a key, and what no such string can hold.
                    _ => text.push('|'),
                }
            }
            text.push('"');
        }
        if let Some(why) = self.why {
            let _ = write!(text, "; detail={}", why.as_str());
        }
        // All of it is visible ASCII: the name is checked when the cache is built.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("larder"))
    }
}
