//! Making a page: the inner service is called, its response judged, read and kept.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts as RequestParts;
use http::response::Parts as ResponseParts;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use larder_core::{FillContext, Timestamp};
use parking_lot::Mutex;
use tower_service::Service;

use crate::body::{Collected, PageBody, collect};
use crate::conditional::CONDITIONS;
use crate::dependencies::{Known, tracked};
use crate::intake::Intake;
use crate::key;
use crate::layer::Site;
use crate::pages::{Compiled, Entry, PageTags};
use crate::report::Why;
use crate::response::{CachedResponse, Parts};
use crate::rule::Rule;
use crate::vary;
use crate::verdict::{self, Terms, Verdict};

/// Why a load brought no page. Who led it has what the handler answered.
#[derive(Debug)]
pub(crate) struct Failed(&'static str);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Failed {}

/// What a handler answered that is its caller's alone.
pub(crate) enum Brought<R: Body, E> {
    Response(Response<PageBody<R>>, Why),
    Error(E),
    Panic(Box<dyn Any + Send>),
}

/// Where the one who asks for a load finds what is his alone.
pub(crate) struct Seat<R: Body, E> {
    has_led: AtomicBool,
    was_stale: AtomicBool,
    brought: Mutex<Option<Brought<R, E>>>,
}

impl<R: Body, E> Default for Seat<R, E> {
    fn default() -> Self {
        Self {
            has_led: AtomicBool::new(false),
            was_stale: AtomicBool::new(false),
            brought: Mutex::new(None),
        }
    }
}

impl<R: Body, E> Seat<R, E> {
    /// Whether the load that was asked for here was the one that ran.
    pub(crate) fn has_led(&self) -> bool {
        self.has_led.load(Ordering::Acquire)
    }

    /// Whether there was a page already, and a stale one.
    pub(crate) fn was_stale(&self) -> bool {
        self.was_stale.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Option<Brought<R, E>> {
        self.brought.lock().take()
    }

    fn put(&self, brought: Brought<R, E>) {
        *self.brought.lock() = Some(brought);
    }
}

/// A request, and the service it is for: as often as it takes.
pub(crate) struct Work<S, I, B> {
    inner: Mutex<S>,
    pub(crate) parts: RequestParts,
    body: Bytes,
    marker: PhantomData<fn(B) -> I>,
}

impl<S: Clone, I: Intake<B>, B> Work<S, I, B> {
    pub(crate) fn new(inner: S, parts: RequestParts, body: Bytes) -> Self {
        Self {
            inner: Mutex::new(inner),
            parts,
            body,
            marker: PhantomData,
        }
    }

    /// The request as it came.
    pub(crate) fn request(&self) -> Request<I::Body> {
        Request::from_parts(self.parts.clone(), I::whole(self.body.clone()))
    }

    /// The request for the page, whatever the client has of it already and wants of it.
    fn plain_request(&self, rule: &Rule) -> Request<I::Body> {
        let mut request = self.request();
        if request.method() == Method::HEAD {
            *request.method_mut() = Method::GET;
        }
        for name in CONDITIONS {
            request.headers_mut().remove(name);
        }
        if let Some(uri) = key::narrowed(request.uri(), &rule.query) {
            *request.uri_mut() = uri;
        }
        request
    }

    pub(crate) fn inner(&self) -> S {
        self.inner.lock().clone()
    }
}

/// Calls a service once it is ready.
pub(crate) async fn call<S: Service<T>, T>(
    mut inner: S,
    request: T,
) -> Result<S::Response, S::Error> {
    poll_fn(|context| inner.poll_ready(context)).await?;
    inner.call(request).await
}

/// What came of calling the handler.
enum Made<R: Body, E> {
    /// With the moment at which its head came.
    Page(ResponseParts, Bytes, Terms, Timestamp),
    Pass(Response<PageBody<R>>, Why),
    Failed(Brought<R, E>, &'static str),
}

/// What a page is made for.
pub(crate) struct Order {
    pub(crate) site: Arc<Site>,
    pub(crate) rule: Arc<Compiled>,
    /// The key of the page that all variants of it have in common.
    pub(crate) primary: Arc<str>,
}

impl Order {
    /// Makes the page under `key`; `None` if it may not be cached.
    pub(crate) async fn make<S, I, B, R>(
        self,
        work: Arc<Work<S, I, B>>,
        seat: Arc<Seat<R, S::Error>>,
        key: String,
        fill: FillContext<Entry>,
    ) -> Result<Option<CachedResponse>, Failed>
    where
        S: Service<Request<I::Body>, Response = Response<R>> + Clone + Send,
        I: Intake<B>,
        R: Body<Data = Bytes>,
    {
        seat.has_led.store(true, Ordering::Release);
        let was_stale = fill.stale().is_some_and(|stale| {
            let left = stale.value().left(self.site.pages.now());
            left.is_some_and(|left| left <= 0)
        });
        seat.was_stale.store(was_stale, Ordering::Release);
        let making = guarded(self.answer(&work));
        let (made, known) = tracked(self.site.pages.entries(), &fill, making).await;
        fill.add_tags(key::path_tags(&self.site.under, work.parts.uri.path()));
        let made = made
            .unwrap_or_else(|panic| Made::Failed(Brought::Panic(panic), "the handler panicked"));
        match made {
            Made::Page(parts, body, terms, made_at) => {
                match self.terms(&parts, &terms, &key, &known, &fill, made_at) {
                    Ok(fresh_for) => {
                        let chosen_by = vary::chosen_by(&terms.vary, &work.parts.headers);
                        Ok(Some(CachedResponse::new(Parts {
                            status: parts.status,
                            headers: parts.headers,
                            body,
                            made_at,
                            age: terms.age,
                            fresh_for,
                            no_stale: terms.no_stale,
                            vary: terms.vary,
                            chosen_by,
                            dependencies: known.dependencies,
                            untracked: known.untracked,
                        })))
                    }
                    Err(why) => {
                        let response = Response::from_parts(parts, PageBody::whole(body));
                        self.pass(response, why, &seat, &fill);
                        Ok(None)
                    }
                }
            }
            Made::Pass(response, why) => {
                self.pass(response, why, &seat, &fill);
                Ok(None)
            }
            Made::Failed(brought, what) => {
                seat.put(brought);
                Err(Failed(what))
            }
        }
    }

    /// Calls the handler, and reads its body if it may be stored.
    async fn answer<S, I, B, R>(&self, work: &Work<S, I, B>) -> Made<R, S::Error>
    where
        S: Service<Request<I::Body>, Response = Response<R>> + Clone,
        I: Intake<B>,
        R: Body<Data = Bytes>,
    {
        let rule = &self.rule.rule;
        let response = match call(work.inner(), work.plain_request(rule)).await {
            Ok(response) => response,
            Err(error) => return Made::Failed(Brought::Error(error), "the handler failed"),
        };
        // Here it begins to age: a body that takes its time is no younger for it.
        let made_at = self.site.pages.now();
        let terms = match verdict::of(response.status(), response.headers(), made_at) {
            Verdict::Store(terms) => terms,
            Verdict::Pass(why) => return Made::Pass(response.map(PageBody::through), why),
            Verdict::Failed => {
                let response = response.map(PageBody::through);
                return Made::Failed(
                    Brought::Response(response, Why::Failed),
                    "the handler answered that it failed",
                );
            }
        };
        let (parts, body) = response.into_parts();
        match collect(body, rule.max_body).await {
            Collected::Whole(body) if !has_length(&parts.headers, body.len()) => {
                let response = Response::from_parts(parts, PageBody::whole(body));
                Made::Failed(
                    Brought::Response(response, Why::BodyFailed),
                    "the body of the handler's response is not as long as its head says",
                )
            }
            Collected::Whole(body) => Made::Page(parts, body, terms, made_at),
            Collected::Not(body, Why::BodyFailed) => {
                let response = Response::from_parts(parts, body);
                Made::Failed(
                    Brought::Response(response, Why::BodyFailed),
                    "the body of the handler's response failed",
                )
            }
            Collected::Not(body, why) => Made::Pass(Response::from_parts(parts, body), why),
        }
    }

    /// Tells the store how long a page lives; returns how long it is fresh, if not until a write.
    fn terms(
        &self,
        parts: &ResponseParts,
        terms: &Terms,
        key: &str,
        known: &Known,
        fill: &FillContext<Entry>,
        made_at: Timestamp,
    ) -> Result<Option<Duration>, Why> {
        let rule = &self.rule.rule;
        let by_rule = rule.ttl.map(|ttl| match terms.is_missing {
            true => ttl.min(rule.missing_ttl),
            false => ttl,
        });
        let fresh_for = terms.fresh_for.or(by_rule);
        if fresh_for.is_none() && !known.is_whole() {
            return Err(Why::NoLifetime);
        }
        if known.is_overtaken {
            return Err(Why::Overtaken);
        }
        let until = known.until.map(|until| until.saturating_since(made_at));
        let fresh_for = match (fresh_for, until) {
            (Some(fresh), Some(until)) => Some(fresh.min(until)),
            (fresh, until) => fresh.or(until),
        };
        // The store counts from now on.
        let now = self.site.pages.now();
        let lifetime = fresh_for.unwrap_or(rule.dependent_ttl);
        let lifetime = lifetime.saturating_sub(now.saturating_since(made_at));
        if key != &*self.primary {
            let variants = self.site.pages.variants();
            if !variants.admit(&self.primary, key, rule.max_variants, now) {
                return Err(Why::Variants);
            }
            variants.stored(&self.primary, key, now.saturating_add(lifetime));
        }
        fill.set_ttl(lifetime);
        fill.set_stale_for(match terms.no_stale {
            true => Duration::ZERO,
            false => rule.revalidate.max(rule.on_error),
        });
        if let Some(PageTags(tags)) = parts.extensions.get() {
            fill.add_tags(tags.iter().cloned());
        }
        Ok(fresh_for)
    }

    /// Leaves a response that may not be cached to its caller; that it may not is remembered.
    fn pass<R: Body, E>(
        &self,
        response: Response<PageBody<R>>,
        why: Why,
        seat: &Seat<R, E>,
        fill: &FillContext<Entry>,
    ) {
        seat.put(Brought::Response(response, why));
        let time = self.rule.rule.uncacheable_for;
        // Variants are without number, and so would be what is remembered of them. What was
        // overtaken may well be stored the next time.
        if time.is_zero() || matches!(why, Why::Variants | Why::Overtaken) {
            fill.do_not_store();
        } else {
            fill.set_ttl(time);
        }
    }
}

/// Whether a body is as long as its head says, if that says it.
fn has_length(headers: &HeaderMap, length: usize) -> bool {
    let mut said = headers.get_all(CONTENT_LENGTH).iter();
    said.all(|said| {
        let said = said.to_str().ok().and_then(|said| said.trim().parse().ok());
        said == Some(length)
    })
}

/// Runs a future; its panic is what it brings.
async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Ready(made)) => Poll::Ready(Ok(made)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}
