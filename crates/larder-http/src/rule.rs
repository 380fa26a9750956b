//! Rules: how pages under a path are keyed, how long they live, and what is served in their place.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_core::{Policy, PolicyBuilder, Result};

use crate::identity::CacheIdentity;

/// Which parameters of a query are part of a page's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query {
    /// All, sorted by their names.
    #[default]
    Sorted,
    /// These, sorted by their names. Handlers see no others while they make a page for the cache,
    /// so that what the key lacks cannot get into the page.
    Only(Vec<String>),
    /// The query as it was sent, to the letter.
    AsItIs,
}

/// What comes of the `Cache-Control` that clients send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientControl {
    /// Nothing: this cache is the server's own, and its pages are as right for a client that
    /// reloads as for any other. A client cannot make the server work.
    #[default]
    Ignored,
    /// `no-cache` and `max-age` have a page made anew, `no-store` passes the cache by, and
    /// `only-if-cached` answers 504 where there is no page.
    Honoured,
}

/// How the pages under a path are cached.
///
/// ```
/// use std::time::Duration;
/// use larder_http::Rule;
///
/// let rule = Rule::new()
///     .ttl(Duration::from_secs(60))
///     .stale_if_error(Duration::from_secs(3600))
///     .query_only(["page", "sort"]);
/// # let _ = rule;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Rule {
    policy: PolicyBuilder,
    pub(crate) is_off: bool,
    pub(crate) ttl: Option<Duration>,
    pub(crate) missing_ttl: Duration,
    pub(crate) dependent_ttl: Duration,
    pub(crate) revalidate: Duration,
    pub(crate) on_error: Duration,
    pub(crate) uncacheable_for: Duration,
    pub(crate) query: Query,
    pub(crate) by_host: bool,
    pub(crate) client: ClientControl,
    pub(crate) identity: Option<Arc<dyn CacheIdentity>>,
    pub(crate) max_body: usize,
    pub(crate) max_request_body: Option<usize>,
    pub(crate) max_variants: usize,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("is_off", &self.is_off)
            .field("ttl", &self.ttl)
            .field("query", &self.query)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Default for Rule {
    /// As [`Rule::new`].
    fn default() -> Self {
        Self {
            policy: Policy::builder(),
            is_off: false,
            ttl: None,
            missing_ttl: Duration::from_secs(30),
            dependent_ttl: Duration::from_secs(86_400),
            revalidate: Duration::ZERO,
            on_error: Duration::ZERO,
            uncacheable_for: Duration::from_secs(120),
            query: Query::Sorted,
            by_host: true,
            client: ClientControl::Ignored,
            identity: None,
            max_body: 2 * 1_024 * 1_024,
            max_request_body: None,
            max_variants: 32,
        }
    }
}

impl Rule {
    /// Pages live as long as their handlers say, or until what they were made from is written;
    /// others are not cached. Nothing stale is served.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing is cached.
    pub fn off() -> Self {
        Self {
            is_off: true,
            ..Self::default()
        }
    }

    /// How long a page is fresh whose handler does not say. What a handler says goes before.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The most that `ttl` gives to pages that say that nothing is there (404, 405, 410, 414,
    /// 501). 30 s unless said otherwise.
    pub fn missing_ttl(mut self, ttl: Duration) -> Self {
        self.missing_ttl = ttl;
        self
    }

    /// How long a page lives at most for which nobody said how long, and which ends when what it
    /// was made from is written. A day unless said otherwise.
    pub fn dependent_ttl(mut self, ttl: Duration) -> Self {
        self.dependent_ttl = ttl;
        self
    }

    /// For so long behind its end a page is served while it is made anew in the background. Not
    /// where a handler forbids it, by `must-revalidate` say.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.revalidate = window;
        self.policy = self.policy.stale_while_revalidate(window);
        self
    }

    /// For so long behind its end a page is served where the handler fails: with an error, a
    /// panic, or a status of 500 and above. Not where a handler forbids it.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.on_error = window;
        self.policy = self.policy.stale_if_error(window);
        self
    }

    /// By how much of its lifetime, at random, a page ends earlier. See [`PolicyBuilder::jitter`].
    pub fn jitter(mut self, part: f64) -> Self {
        self.policy = self.policy.jitter(part);
        self
    }

    /// From which part of its lifetime on a page is made anew in the background. See
    /// [`PolicyBuilder::refresh_at`].
    pub fn refresh_at(mut self, part: f64) -> Self {
        self.policy = self.policy.refresh_at(part);
        self
    }

    /// How long a client waits for a handler where there is a stale page. See
    /// [`PolicyBuilder::soft_timeout`].
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.policy = self.policy.soft_timeout(timeout);
        self
    }

    /// How long a client waits for a page that is being made; then it is answered 504. See
    /// [`PolicyBuilder::hard_timeout`].
    pub fn hard_timeout(mut self, timeout: Duration) -> Self {
        self.policy = self.policy.hard_timeout(timeout);
        self
    }

    /// On a shared store, how long other programs wait for a page that this one makes. See
    /// [`PolicyBuilder::lease`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.policy = self.policy.lease(lease);
        self
    }

    /// How long it is remembered that a page may not be cached, so that its clients do not wait
    /// for each other. Two minutes unless said otherwise; zero: not at all.
    pub fn uncacheable_for(mut self, time: Duration) -> Self {
        self.uncacheable_for = time;
        self
    }

    /// The parameters that are part of the key; all others are dropped. See [`Query::Only`].
    pub fn query_only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.query = Query::Only(names.into_iter().map(Into::into).collect());
        self
    }

    /// The query is part of the key as it was sent.
    pub fn query_as_it_is(mut self) -> Self {
        self.query = Query::AsItIs;
        self
    }

    /// The host is not part of the key: for a site that has one page under all of its names.
    pub fn any_host(mut self) -> Self {
        self.by_host = false;
        self
    }

    /// What comes of the `Cache-Control` that clients send.
    pub fn client_control(mut self, control: ClientControl) -> Self {
        self.client = control;
        self
    }

    /// Who a request is from; without, nothing is cached of requests with credentials.
    pub fn identity(mut self, identity: impl CacheIdentity) -> Self {
        self.identity = Some(Arc::new(identity));
        self
    }

    /// The largest body that is stored; a larger one is passed on as it comes. 2 MiB unless said
    /// otherwise.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Makes bodies of requests of up to so many bytes part of the key, and so caches POST too.
    /// Wants a layer that reads bodies: [`PageCache::body_layer`](crate::PageCache::body_layer).
    pub fn body_key(mut self, max_bytes: usize) -> Self {
        self.max_request_body = Some(max_bytes);
        self
    }

    /// How many variants of one page, by `Vary`, a program stores at a time. 32 unless said
    /// otherwise.
    pub fn max_variants(mut self, most: usize) -> Self {
        self.max_variants = most;
        self
    }

    /// The policy that pages are loaded by.
    pub(crate) fn policy(&self) -> Result<Policy> {
        self.policy
            .clone()
            .ttl(self.dependent_ttl)
            .absent_ttl(self.uncacheable_for)
            .build()
    }
}
