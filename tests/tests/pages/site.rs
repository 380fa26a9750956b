//! A site of one handler, which answers as its test says, before a page cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use larder::http::{Outcome, PageCache, PageCacheBuilder, PageReport, Rule, Why};
use larder::{EmbeddedStore, Store, codec};
use larder_testkit::server::{Kind, offline, shared};
use larder_testkit::{EncodedStore, ManualClock};
use tower::ServiceExt as _;

/// A store, and the clock it goes by.
pub(crate) struct Setup {
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
    kind: Of,
}

/// What it takes to open the store once more.
enum Of {
    Embedded,
    Encoded(Arc<EncodedStore>),
    Redis(String),
}

async fn on_redis(namespace: &str, clock: &ManualClock) -> Store {
    let builder = larder::redis::RedisBuilder::from_url(&shared(Kind::RedisSearch).url());
    let builder = builder.unwrap().namespace(namespace);
    let builder = builder
        .timeout(Duration::from_secs(20))
        .clock(clock.clone());
    Arc::new(builder.connect().await.unwrap())
}

impl Setup {
    pub(crate) async fn embedded(_: &str) -> Option<Self> {
        let clock = ManualClock::default();
        let store = EmbeddedStore::builder().clock(clock.clone());
        Some(Self {
            store: Arc::new(store.build().unwrap()),
            clock,
            kind: Of::Embedded,
        })
    }

    pub(crate) async fn encoded(_: &str) -> Option<Self> {
        let clock = ManualClock::default();
        let store = Arc::new(EncodedStore::new(clock.clone(), codec::Bincode));
        Some(Self {
            store: Arc::clone(&store) as Store,
            clock,
            kind: Of::Encoded(store),
        })
    }

    pub(crate) async fn redis(name: &str) -> Option<Self> {
        if offline(name) {
            return None;
        }
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        let namespace = format!("{name}-{}-{}", std::process::id(), since.as_nanos());
        let clock = ManualClock::default();
        Some(Self {
            store: on_redis(&namespace, &clock).await,
            clock,
            kind: Of::Redis(namespace),
        })
    }

    /// What another program sees of the same store.
    pub(crate) async fn another(&self) -> Store {
        match &self.kind {
            Of::Embedded => panic!("no other program sees an embedded store"),
            Of::Encoded(store) => Arc::new(store.another()),
            Of::Redis(namespace) => on_redis(namespace, &self.clock).await,
        }
    }

    /// Begins a cache without jitter, so that times are exact.
    pub(crate) fn pages(&self) -> PageCacheBuilder {
        PageCache::builder(Arc::clone(&self.store)).otherwise(minute())
    }

    /// A site whose handler is this one, under one rule.
    pub(crate) async fn site<H>(&self, rule: Rule, handler: H) -> Site
    where
        H: Fn(Request) -> Response + Clone + Send + Sync + 'static,
    {
        self.async_site(rule, move |request| {
            let response = handler(request);
            async move { response }
        })
        .await
    }

    pub(crate) async fn async_site<H, Fut>(&self, rule: Rule, handler: H) -> Site
    where
        H: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        let pages = self.pages().otherwise(rule).build().await.unwrap();
        Site::new(pages, self.clock.clone(), handler)
    }
}

/// A minute, to the millisecond.
pub(crate) fn minute() -> Rule {
    Rule::new().ttl(Duration::from_secs(60)).jitter(0.0)
}

/// A handler behind a page cache.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) pages: PageCache,
    pub(crate) clock: ManualClock,
    pub(crate) app: Router,
    calls: Arc<AtomicU64>,
}

impl Site {
    pub(crate) fn new<H, Fut>(pages: PageCache, clock: ManualClock, handler: H) -> Self
    where
        H: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let handler = move |request: Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            handler(request)
        };
        let app = Router::new().fallback(handler).layer(pages.layer());
        Self {
            pages,
            clock,
            app,
            calls,
        }
    }

    /// How often the handler was called.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        Answer::of(response).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(get(uri)).await
    }
}

/// A response, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) report: Option<PageReport>,
    pub(crate) is_broken: bool,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, mut body) = response.into_parts();
        let mut read = Vec::new();
        let mut is_broken = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => read.extend(frame.into_data().unwrap_or_default()),
                Err(_) => is_broken = true,
            }
        }
        Self {
            status: parts.status.as_u16(),
            report: parts.extensions.get().cloned(),
            headers: parts.headers,
            body: read.into(),
            is_broken,
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// What `Cache-Status` says; how it begins is checked, and not part of it.
    pub(crate) fn cache_status(&self) -> &str {
        let status = self.header("cache-status");
        status
            .strip_prefix("larder; ")
            .unwrap_or_else(|| panic!("{status}"))
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.report.as_ref().unwrap().outcome
    }

    pub(crate) fn why(&self) -> Option<Why> {
        self.report.as_ref().unwrap().why
    }

    #[track_caller]
    pub(crate) fn is(&self, outcome: Outcome) -> &Self {
        assert_eq!(self.outcome(), outcome, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn is_for(&self, outcome: Outcome, why: Why) -> &Self {
        assert_eq!(
            (self.outcome(), self.why()),
            (outcome, Some(why)),
            "{self:?}"
        );
        self
    }
}

/// A handler that answers with the number of its call.
pub(crate) fn numbered() -> impl Fn(Request) -> Response + Clone + Send + Sync + 'static {
    let calls = Arc::new(AtomicU64::new(0));
    move |_| page((calls.fetch_add(1, Ordering::SeqCst) + 1).to_string(), &[])
}

pub(crate) fn get(uri: &str) -> Request {
    request("GET", uri, &[])
}

pub(crate) fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// A response with these header fields.
pub(crate) fn page(body: impl Into<Body>, headers: &[(&str, &str)]) -> Response {
    let mut response = Response::builder();
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        response = response.header("content-type", "text/plain");
    }
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}
