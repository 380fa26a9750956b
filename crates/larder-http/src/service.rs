//! The service: asks the cache, and the handler where it has to.

use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LOCATION, IF_MATCH, IF_UNMODIFIED_SINCE, LOCATION, PRAGMA,
    RANGE, UPGRADE,
};
use http::request::Parts;
use http::uri::Authority;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use larder_core::{ErrorKind, Keyed, Timestamp};
use tower_service::Service;

use crate::body::PageBody;
use crate::conditional;
use crate::control::Control;
use crate::future::PageFuture;
use crate::identity::{Identity, credentials};
use crate::intake::{Intake, Plain};
use crate::key::{self, digest};
use crate::layer::Site;
use crate::load::{Brought, Order, Seat, Work, call};
use crate::pages::{Compiled, PageCache};
use crate::report::{CACHE_STATUS, Forward, Outcome, PageReport, Status, Why};
use crate::response::{CachedResponse, next_number, not_modified};
use crate::rule::{ClientControl, Rule};
use crate::verdict::{self, Verdict};

/// How many pages are looked at for one request: each varies by more than the one before.
const MAX_STEPS: usize = 5;

/// A service whose responses are cached.
///
/// It is ready at any time: a page from the cache needs nothing of the inner service. For any other,
/// a clone of it is waited for.
#[derive(Clone)]
pub struct PageCacheService<S, I = Plain> {
    inner: S,
    site: Arc<Site>,
    intake: PhantomData<I>,
}

impl<S, I> fmt::Debug for PageCacheService<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCacheService")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl<S, I> PageCacheService<S, I> {
    pub(crate) fn new(inner: S, site: Arc<Site>) -> Self {
        Self {
            inner,
            site,
            intake: PhantomData,
        }
    }
}

impl<S, I, B, R> Service<Request<B>> for PageCacheService<S, I>
where
    S: Service<Request<I::Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    I: Intake<B>,
    B: Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    type Response = Response<PageBody<R>>;
    type Error = S::Error;
    type Future = PageFuture<R, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let site = &self.site;
        let rule = site.rule(request.uri().path());
        let (mut parts, body) = request.into_parts();
        let mut ask = Ask::of(&rule.rule, &parts);
        if let Ask::Page(identity) = &ask
            && parts.method != Method::POST
            && I::is_none(&body)
        {
            let identity = identity.as_deref();
            let key = key::primary(&parts, &site.under, &rule.rule, identity, None);
            match at_once(&site.pages, rule, &mut parts, &key) {
                Ok(response) => return PageFuture::ready(response),
                Err(variant) => ask = Ask::Known(key, variant),
            }
        }
        let visit = Visit {
            rule: Arc::clone(rule),
            site: Arc::clone(site),
        };
        let inner = self.inner.clone();
        PageFuture::new(visit.answer::<S, I, B, R>(inner, ask, parts, body))
    }
}

/// One request at the cache.
struct Visit {
    site: Arc<Site>,
    rule: Arc<Compiled>,
}

/// What is to be done for a request, as far as its head tells.
enum Ask {
    /// The cache is asked, for the page of this identity.
    Page(Option<String>),
    /// The cache is asked, for the page with this key, or for its variant with the other.
    Known(String, Option<String>),
    /// It is not.
    Bypass(Why),
    /// It is told: what the request changes is to be made anew.
    Unsafe,
}

impl Ask {
    fn of(rule: &Rule, parts: &Parts) -> Self {
        let headers = &parts.headers;
        let is_page = matches!(parts.method, Method::GET | Method::HEAD)
            || (parts.method == Method::POST && rule.max_request_body.is_some());
        let is_safe = matches!(
            parts.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        );
        if !is_page && !is_safe {
            return Self::Unsafe;
        }
        let upgrades = headers.contains_key(UPGRADE)
            || headers.get(CONNECTION).is_some_and(|connection| {
                let connection = connection.as_bytes().to_ascii_lowercase();
                connection.windows(7).any(|word| word == b"upgrade")
            });
        let no_store = rule.client == ClientControl::Honoured && Control::of(headers).no_store;
        let conditions = [IF_MATCH, IF_UNMODIFIED_SINCE];
        let passed = [
            (rule.is_off, Why::RuleOff),
            (!is_page, Why::Method),
            (key::host(parts).is_none(), Why::Host),
            (headers.contains_key(RANGE), Why::Range),
            (upgrades, Why::Upgrade),
            (
                conditions.iter().any(|name| headers.contains_key(name)),
                Why::Precondition,
            ),
            (no_store, Why::RequestNoStore),
        ];
        if let Some((_, why)) = passed.into_iter().find(|(is_so, _)| *is_so) {
            return Self::Bypass(why);
        }
        let identity = rule.identity.as_ref();
        match identity.map_or(Identity::Unknown, |identity| identity.identify(parts)) {
            Identity::Anyone => Self::Page(None),
            Identity::Of(who) => Self::Page(Some(who)),
            Identity::Unknown => match credentials(headers) {
                Some(why) => Self::Bypass(why),
                None => Self::Page(None),
            },
        }
    }
}

/// A page, and what is to be said of how it was come by.
struct Found<'p> {
    page: &'p CachedResponse,
    outcome: Outcome,
    why: Option<Why>,
    forward: Forward,
}

impl<'p> Found<'p> {
    /// One from the cache, fresh.
    fn hit(page: &'p CachedResponse) -> Self {
        Self {
            page,
            outcome: Outcome::Hit,
            why: None,
            forward: Forward::No,
        }
    }
}

/// The page that a request means, if it is there, fresh, and to be had without waiting; else the key
/// of the variant that is to be asked for, where the page under `key` says that there is one.
fn at_once<R: Body>(
    pages: &PageCache,
    rule: &Compiled,
    parts: &mut Parts,
    key: &str,
) -> Result<Response<PageBody<R>>, Option<String>> {
    let headers = &parts.headers;
    let is_asked_how = || headers.contains_key(CACHE_CONTROL) || headers.contains_key(PRAGMA);
    if rule.rule.client == ClientControl::Honoured && is_asked_how() {
        return Err(None);
    }
    let mut variant = None;
    for _ in 0..MAX_STEPS {
        let key = variant.as_deref().unwrap_or(key);
        let Some(entry) = pages.entries().peek_with(key, &rule.policy) else {
            break;
        };
        let page = entry.value();
        if let Some(chosen_by) = page.other_variant(headers) {
            variant = Some(key::variant(key, &chosen_by));
            continue;
        }
        let now = pages.now();
        if page.left(now).is_some_and(|left| left <= 0) {
            break;
        }
        // Its map is there already; nobody looks at the request any more.
        let mut extensions = std::mem::take(&mut parts.extensions);
        extensions.clear();
        let found = Found::hit(page);
        return Ok(serve(pages, &found, parts, key, now, extensions));
    }
    Err(variant)
}

/// A page as the answer to a request.
fn serve<R: Body>(
    pages: &PageCache,
    found: &Found<'_>,
    parts: &Parts,
    key: &str,
    now: Timestamp,
    extensions: Extensions,
) -> Response<PageBody<R>> {
    let Found {
        page,
        outcome,
        why,
        forward,
    } = *found;
    let name = pages.name();
    let is_plain = outcome == Outcome::Hit && !pages.shows_keys();
    let mut headers = match is_plain {
        true => page.hit_headers(now, name),
        false => {
            let is_new = forward != Forward::No;
            let status = Status {
                forward,
                status: is_new.then(|| page.status().as_u16()),
                stored: outcome == Outcome::Miss,
                collapsed: outcome == Outcome::Collapsed,
                ttl: page.left(now).map(|left| left.div_euclid(1_000)),
                key: pages.shows_keys().then_some(key),
                why,
            };
            page.aged_headers(now, status.value(name))
        }
    };
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let is_known = is_read
        && page.status() == StatusCode::OK
        && conditional::has(&parts.headers, page.headers());
    let body = match is_known || parts.method == Method::HEAD {
        true => Bytes::new(),
        false => page.body().clone(),
    };
    if is_known {
        not_modified(&mut headers);
    }
    let report = page.report(outcome, why, now);
    pages.count(&report);
    let mut response = Response::new(PageBody::whole(body));
    *response.status_mut() = match is_known {
        true => StatusCode::NOT_MODIFIED,
        false => page.status(),
    };
    *response.headers_mut() = headers;
    *response.extensions_mut() = extensions;
    response.extensions_mut().insert(report);
    response
}

impl Visit {
    async fn answer<S, I, B, R>(
        self,
        inner: S,
        ask: Ask,
        parts: Parts,
        body: B,
    ) -> Result<Response<PageBody<R>>, S::Error>
    where
        S: Service<Request<I::Body>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send + 'static,
        I: Intake<B>,
        B: Send + 'static,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
        let (why, body, ending) = match ask {
            Ask::Known(primary, variant) => {
                let work = Arc::new(Work::<S, I, B>::new(inner, parts, Bytes::new()));
                return self.find(work, primary, variant).await;
            }
            Ask::Page(identity) => {
                let rule = &self.rule.rule;
                let read = match I::is_none(&body) {
                    true => Ok(Bytes::new()),
                    false => I::read(body, rule.max_request_body).await,
                };
                match read {
                    Ok(read) => {
                        let is_keyed = parts.method == Method::POST || !read.is_empty();
                        let body = is_keyed.then(|| digest([read.as_ref()]));
                        let (identity, body) = (identity.as_deref(), body.as_deref());
                        let primary = key::primary(&parts, &self.site.under, rule, identity, body);
                        let work = Arc::new(Work::<S, I, B>::new(inner, parts, read));
                        return self.find(work, primary, None).await;
                    }
                    Err(body) => (Why::RequestBody, body, None),
                }
            }
            Ask::Bypass(why) => (why, I::through(body), None),
            Ask::Unsafe => {
                let ending = Ending::new(&self, &parts);
                (Why::Method, I::through(body), Some(ending))
            }
        };
        let forward = match ending {
            Some(_) => Forward::Method,
            None => Forward::Bypass,
        };
        let answered = call(inner, Request::from_parts(parts, body)).await;
        let ending = ending.and_then(|ending| ending.answered(answered.as_ref().ok()));
        if let Some(ending) = ending {
            ending.await;
        }
        let mut response = answered?.map(PageBody::through);
        self.mark(&mut response, Outcome::Bypass, Some(why), forward, None);
        Ok(response)
    }

    /// The page that a request means: from the cache, or made. Where it is known already that it is
    /// a variant of the primary one, that is asked for at once.
    async fn find<S, I, B, R>(
        &self,
        work: Arc<Work<S, I, B>>,
        primary: String,
        variant: Option<String>,
    ) -> Result<Response<PageBody<R>>, S::Error>
    where
        S: Service<Request<I::Body>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send + 'static,
        I: Intake<B>,
        B: Send + 'static,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
        let request = &work.parts.headers;
        let control = match self.rule.rule.client {
            ClientControl::Ignored => Control::default(),
            ClientControl::Honoured => Control::of(request),
        };
        if control.only_if_cached {
            return Ok(self.kept(&work.parts, primary).await);
        }
        let mut anew = control.no_cache;
        let mut forward = match variant {
            Some(_) => Forward::VaryMiss,
            None => Forward::UriMiss,
        };
        let mut key = variant.unwrap_or_else(|| primary.clone());
        let shared: Arc<str> = primary.into();
        for _ in 0..MAX_STEPS {
            let seat = Arc::new(Seat::<R, S::Error>::default());
            let since = next_number();
            let order = Order {
                site: Arc::clone(&self.site),
                rule: Arc::clone(&self.rule),
                primary: Arc::clone(&shared),
            };
            let (its_work, its_seat) = (Arc::clone(&work), Arc::clone(&seat));
            let load = move |key: String, fill| {
                let making = order.make(its_work, its_seat, key.clone(), fill);
                async move {
                    let page = making.await?;
                    Ok::<_, crate::load::Failed>(page.map(|page| Keyed::new(key, Arc::new(page))))
                }
            };
            let entries = self.site.pages.entries();
            let asked = match anew {
                false => {
                    entries
                        .get_or_load_with(&*key, &self.rule.policy, load)
                        .await
                }
                true => entries.reload(&*key, load).await,
            };
            let now = self.site.pages.now();
            let entry = match asked {
                Ok(Some(entry)) => entry,
                Ok(None) => {
                    let forward = self.forward(&seat, anew, Forward::Miss);
                    return match seat.take() {
                        Some(brought) => self.hand_over(brought, &work.parts, forward),
                        None => self.pass(&work, Why::Remembered).await,
                    };
                }
                Err(error) => {
                    let forward = self.forward(&seat, anew, Forward::Miss);
                    return match (seat.take(), error.kind()) {
                        (Some(brought), _) => self.hand_over(brought, &work.parts, forward),
                        (None, ErrorKind::Timeout) => Ok(self.refuse(Why::Timeout)),
                        (None, ErrorKind::Loader) => self.pass(&work, Why::Failed).await,
                        (None, _) => self.pass(&work, Why::Store).await,
                    };
                }
            };
            let page = entry.value();
            if let Some(chosen_by) = page.other_variant(request) {
                key = key::variant(&key, &chosen_by);
                forward = Forward::VaryMiss;
                continue;
            }
            let is_new = page.is_since(since);
            let left = page.left(now);
            let is_too_old = control.max_age.is_some_and(|most| page.age(now) > most)
                || control.min_fresh.is_some_and(|least| {
                    let least = i64::try_from(least.as_millis()).unwrap_or(i64::MAX);
                    left.is_some_and(|left| left < least)
                });
            if !is_new && !anew && is_too_old {
                anew = true;
                continue;
            }
            let behind = left.map(|left| -left).filter(|behind| *behind >= 0);
            let (outcome, why) = match (is_new, seat.has_led(), behind) {
                (true, true, _) => (Outcome::Miss, None),
                (true, false, _) => (Outcome::Collapsed, None),
                (false, _, Some(behind)) => {
                    let is_failed = seat.take().is_some();
                    let window = self.rule.rule.revalidate.as_millis();
                    let is_within = u128::try_from(behind).is_ok_and(|behind| behind <= window);
                    let why = match is_within && !is_failed {
                        true => Why::StaleWhileRevalidate,
                        false => Why::StaleIfError,
                    };
                    (Outcome::Stale, Some(why))
                }
                (false, _, None) => (Outcome::Hit, None),
            };
            let found = Found {
                page,
                outcome,
                why,
                forward: match outcome {
                    Outcome::Miss => self.forward(&seat, anew, forward),
                    Outcome::Collapsed => forward,
                    _ => Forward::No,
                },
            };
            let (pages, extensions) = (&self.site.pages, Extensions::new());
            return Ok(serve(pages, &found, &work.parts, &key, now, extensions));
        }
        self.pass(&work, Why::Variants).await
    }

    fn forward<R: Body, E>(&self, seat: &Seat<R, E>, anew: bool, else_: Forward) -> Forward {
        match (seat.was_stale(), anew) {
            (true, _) => Forward::Stale,
            (false, true) => Forward::Request,
            (false, false) => else_,
        }
    }

    /// What is there, for a client that wants nothing else.
    async fn kept<R: Body>(&self, parts: &Parts, mut key: String) -> Response<PageBody<R>> {
        for _ in 0..MAX_STEPS {
            let Ok(Some(page)) = self.site.pages.pages().get(&key).await else {
                break;
            };
            let Some(chosen_by) = page.other_variant(&parts.headers) else {
                let pages = &self.site.pages;
                let now = pages.now();
                let extensions = Extensions::new();
                return serve(pages, &Found::hit(&page), parts, &key, now, extensions);
            };
            key = key::variant(&key, &chosen_by);
        }
        self.refuse(Why::OnlyIfCached)
    }

    /// What a handler answered, to the one whose request it was.
    fn hand_over<R: Body, E>(
        &self,
        brought: Brought<R, E>,
        parts: &Parts,
        forward: Forward,
    ) -> Result<Response<PageBody<R>>, E> {
        let (mut response, why) = match brought {
            Brought::Response(response, why) => (response, why),
            Brought::Error(error) => return Err(error),
            Brought::Panic(panic) => resume_unwind(panic),
        };
        let status = response.status();
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        // The handler was not asked whether the client has it already.
        if is_read
            && status == StatusCode::OK
            && conditional::has(&parts.headers, response.headers())
        {
            not_modified(response.headers_mut());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = PageBody::default();
        }
        if parts.method == Method::HEAD {
            *response.body_mut() = PageBody::default();
        }
        let status = Some(status.as_u16());
        self.mark(
            &mut response,
            Outcome::Uncacheable,
            Some(why),
            forward,
            status,
        );
        Ok(response)
    }

    /// Calls the handler with the request as it came, and stores nothing.
    async fn pass<S, I, B, R>(
        &self,
        work: &Work<S, I, B>,
        why: Why,
    ) -> Result<Response<PageBody<R>>, S::Error>
    where
        S: Service<Request<I::Body>, Response = Response<R>> + Clone,
        I: Intake<B>,
        R: Body<Data = Bytes>,
    {
        let response = call(work.inner(), work.request()).await?;
        let mut response = response.map(PageBody::through);
        let (status, headers) = (response.status(), response.headers());
        // What the response itself says is the better reason.
        let why = match verdict::of(status, headers, self.site.pages.now()) {
            Verdict::Pass(own) => own,
            Verdict::Failed => Why::Failed,
            Verdict::Store(_) => why,
        };
        let status = Some(status.as_u16());
        self.mark(
            &mut response,
            Outcome::Uncacheable,
            Some(why),
            Forward::Miss,
            status,
        );
        Ok(response)
    }

    /// An answer of the cache's own: that there is none in time.
    fn refuse<R: Body>(&self, why: Why) -> Response<PageBody<R>> {
        let mut response = Response::new(PageBody::default());
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        let forward = match why {
            Why::OnlyIfCached => Forward::No,
            _ => Forward::Miss,
        };
        self.mark(&mut response, Outcome::Refused, Some(why), forward, None);
        response
    }

    /// Says on a response how it was come by.
    fn mark<T>(
        &self,
        response: &mut Response<T>,
        outcome: Outcome,
        why: Option<Why>,
        forward: Forward,
        status: Option<u16>,
    ) {
        let value = Status {
            forward,
            status,
            why,
            ..Status::default()
        };
        let value = value.value(self.site.pages.name());
        response.headers_mut().append(CACHE_STATUS.clone(), value);
        let report = PageReport::new(outcome, why);
        self.site.pages.count(&report);
        response.extensions_mut().insert(report);
    }
}

/// What an unsafe request ends: the pages of its path, and of those that the response names, once
/// it succeeded (RFC 9111, section 4.4). Dropped before its handler answered, it may have changed
/// something all the same, and ends those of its path.
struct Ending {
    pages: PageCache,
    host: Option<String>,
    tags: Vec<String>,
}

impl Ending {
    fn new(visit: &Visit, parts: &Parts) -> Self {
        let host = key::host(parts).and_then(|host| host.parse::<Authority>().ok());
        Self {
            pages: visit.site.pages.clone(),
            host: host.map(|host| host.host().to_owned()),
            tags: key::path_tags(&visit.site.under, parts.uri.path()),
        }
    }

    /// Ends the pages, if the request succeeded: whether or not it is waited for.
    fn answered<R>(
        mut self,
        response: Option<&Response<R>>,
    ) -> Option<impl Future<Output = ()> + use<R>> {
        let mut tags = std::mem::take(&mut self.tags);
        let has_changed = |status: StatusCode| status.is_success() || status.is_redirection();
        let response = response.filter(|response| has_changed(response.status()))?;
        tags.extend(self.named(response.headers()));
        Some(self.pages.end(tags))
    }

    /// The tags of the paths of this host that a response names as changed.
    fn named(&self, headers: &HeaderMap) -> Vec<String> {
        let paths = [LOCATION, CONTENT_LOCATION].into_iter().filter_map(|name| {
            let named: Uri = headers.get(name)?.to_str().ok()?.parse().ok()?;
            let is_here = named.host().is_none_or(|named| {
                let host = self.host.as_deref();
                host.is_some_and(|host| host.eq_ignore_ascii_case(named))
            });
            (is_here && named.path().starts_with('/')).then(|| key::path_tag(named.path()))
        });
        paths.collect()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.tags.is_empty() {
            // It is under way; nobody is there to wait for it.
            drop(self.pages.end(std::mem::take(&mut self.tags)));
        }
    }
}
