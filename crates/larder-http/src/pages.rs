//! The cache of pages, apart from any service.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use larder_core::store::CacheStore as _;
use larder_core::{Cache, Error, KeyCache, Keyed, LoadError, Policy, Result, Store, Timestamp};
use tokio::runtime::Handle;

use crate::counters::{Counters, PageStats};
use crate::dependencies::tracked;
use crate::intake::Buffered;
use crate::key;
use crate::layer::PageCacheLayer;
use crate::report::PageReport;
use crate::response::{CachedResponse, Parts};
use crate::rule::Rule;
use crate::vary::Variants;

/// A page as the store has it.
pub(crate) type Entry = Keyed<String, CachedResponse>;

/// All of them.
pub(crate) type Entries = Cache<Entry>;

/// The model's name in the store.
const MODEL: &str = "larder.pages";

/// Pages in a store, and the rules they are cached by. Cloning is cheap; clones are the same cache.
#[derive(Clone)]
pub struct PageCache {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Entries,
    pages: KeyCache<CachedResponse>,
    rules: Vec<Ruled>,
    otherwise: Arc<Compiled>,
    name: Arc<str>,
    shows_keys: bool,
    variants: Variants,
    counters: Counters,
}

/// The rule of some paths.
struct Ruled {
    path: String,
    /// The path with its escapes made alike, where that is another text.
    normal: Option<String>,
    rule: Arc<Compiled>,
}

impl Ruled {
    fn fits(&self, path: &str) -> bool {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == pattern,
        };
        fits(&self.path) || self.normal.as_deref().is_some_and(fits)
    }
}

/// A rule with what follows from it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    pub(crate) policy: Policy,
}

impl Compiled {
    fn new(rule: Rule) -> Result<Arc<Self>> {
        let policy = rule.policy()?;
        Ok(Arc::new(Self { rule, policy }))
    }
}

impl fmt::Debug for PageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCache")
            .field("name", &self.inner.name)
            .field("entries", &self.inner.entries)
            .finish_non_exhaustive()
    }
}

/// Tags for a page, by which [`PageCache::remove_tagged`] finds it: a handler puts them into the
/// extensions of its response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageTags(pub(crate) Vec<String>);

impl PageTags {
    /// These tags.
    pub fn new<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Self {
        Self(tags.into_iter().map(Into::into).collect())
    }
}

/// Puts a [`PageCache`] together.
#[derive(Debug)]
#[must_use]
pub struct PageCacheBuilder {
    store: Store,
    rules: Vec<(String, Rule)>,
    otherwise: Rule,
    name: String,
    shows_keys: bool,
}

impl PageCacheBuilder {
    /// The rule of a path, or of all paths that begin so, if it ends with `*`. Of several that fit,
    /// the first.
    pub fn rule(mut self, path: impl Into<String>, rule: Rule) -> Self {
        self.rules.push((path.into(), rule));
        self
    }

    /// The rule of all other paths; [`Rule::new`] unless said otherwise.
    pub fn otherwise(mut self, rule: Rule) -> Self {
        self.otherwise = rule;
        self
    }

    /// What the cache is called in `Cache-Status`; `larder` unless said otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Shows the keys of pages in `Cache-Status`: for whoever looks for a mistake in a rule.
    pub fn with_keys_shown(mut self) -> Self {
        self.shows_keys = true;
        self
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// `InvalidConfig` for a rule that contradicts itself, a path that does not begin with `/`, or
    /// a name that is no token of `Cache-Status`; else as `CacheBuilder::build`.
    pub async fn build(self) -> Result<PageCache> {
        let mut letters = self.name.chars();
        let is_token = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !is_token {
            return Err(Error::invalid_config(
                "the name of a page cache begins with a letter, and has letters, digits and `-._` alone",
            ));
        }
        let mut rules = Vec::with_capacity(self.rules.len());
        for (path, rule) in self.rules {
            if !path.starts_with('/') {
                return Err(Error::invalid_config(format!(
                    "the path of a rule begins with `/`; `{path}` does not"
                )));
            }
            let normal = key::normal(&path);
            rules.push(Ruled {
                normal: (normal != path).then_some(normal),
                path,
                rule: Compiled::new(rule)?,
            });
        }
        let otherwise = Compiled::new(self.otherwise)?;
        let entries = Cache::builder(self.store).name(MODEL);
        let policy = otherwise.policy.clone();
        let entries: Entries = entries.policy(policy).build().await?;
        Ok(PageCache {
            inner: Arc::new(Inner {
                pages: KeyCache::from(entries.clone()),
                entries,
                rules,
                otherwise,
                name: self.name.into(),
                shows_keys: self.shows_keys,
                variants: Variants::default(),
                counters: Counters::default(),
            }),
        })
    }
}

impl PageCache {
    /// Begins to put a cache together, its pages in `store`. All page caches of one store share
    /// their pages.
    pub fn builder(store: impl Into<Store>) -> PageCacheBuilder {
        PageCacheBuilder {
            store: store.into(),
            rules: Vec::new(),
            otherwise: Rule::new(),
            name: "larder".to_owned(),
            shows_keys: false,
        }
    }

    /// A layer that caches the responses of what it wraps, by the rules of their paths.
    ///
    /// A router nested in another sees paths without the prefix that it is nested under: a layer
    /// belongs around the outer router, or is told the prefix by [`PageCacheLayer::under`].
    /// Otherwise two nested routers have the same pages.
    pub fn layer(&self) -> PageCacheLayer {
        PageCacheLayer::new(self.clone(), None)
    }

    /// A layer with one rule for all that it wraps: for a single route.
    ///
    /// # Errors
    /// `InvalidConfig` for a rule that contradicts itself.
    pub fn layer_with(&self, rule: Rule) -> Result<PageCacheLayer> {
        let rule = Compiled::new(rule)?;
        Ok(PageCacheLayer::new(self.clone(), Some(rule)))
    }

    /// As [`layer`](Self::layer), where rules make bodies of requests part of keys
    /// ([`Rule::body_key`]): it reads them, and so what it wraps is given them as
    /// [`PageBody`](crate::PageBody).
    pub fn body_layer(&self) -> PageCacheLayer<Buffered> {
        PageCacheLayer::new(self.clone(), None)
    }

    /// What was made before under this name, or what `render` makes now: for a fragment of a page,
    /// or a handler that is under no layer. One call of `render` however many ask; what it reads
    /// from Larder's caches meanwhile decides when it ends, and so does the policy.
    ///
    /// # Errors
    /// As `Cache::get_or_load`.
    pub async fn view<L, Fut, V, E>(&self, name: &str, policy: &Policy, render: L) -> Result<Bytes>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
        V: Into<Bytes> + Send,
        E: LoadError,
    {
        let entries = self.inner.entries.clone();
        let render = move |_, fill| async move {
            let (made, known) = tracked(&entries, &fill, render()).await;
            Ok::<_, E>(CachedResponse::new(Parts {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: made?.into(),
                made_at: entries.store().now(),
                age: Duration::ZERO,
                fresh_for: None,
                no_stale: false,
                vary: Vec::new(),
                chosen_by: String::new(),
                dependencies: known.dependencies,
                untracked: known.untracked,
            }))
        };
        let key = key::view(name);
        let page = self.inner.pages.get_or_load(&key, policy, render).await?;
        let page = page.ok_or_else(|| Error::internal("a view was made and is not there"))?;
        Ok(page.body().clone())
    }

    /// Removes a view; says whether it was there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_view(&self, name: &str) -> Result<bool> {
        self.inner.pages.remove(&key::view(name)).await
    }

    /// Removes the pages that have at least one of these tags; says how many. What is being made
    /// meanwhile and turns out to have one is answered and not stored.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_tagged<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<u64> {
        self.inner.entries.remove_tagged(tags).await
    }

    /// Removes the pages of a path, whatever their host, query, variant and identity; says how many.
    /// That pages of it may not be cached is forgotten too.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_path(&self, path: &str) -> Result<u64> {
        self.remove_tagged([key::path_tag(path)]).await
    }

    /// Removes all pages and views.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn clear(&self) -> Result<()> {
        self.inner.pages.clear().await
    }

    /// What was counted, by all layers of this cache.
    pub fn stats(&self) -> PageStats {
        self.inner.counters.stats()
    }

    /// The pages as a plain cache, under their keys: to look at what is there.
    pub fn entries(&self) -> &Cache<Keyed<String, CachedResponse>> {
        &self.inner.entries
    }

    pub(crate) fn pages(&self) -> &KeyCache<CachedResponse> {
        &self.inner.pages
    }

    pub(crate) fn rule(&self, path: &str) -> &Arc<Compiled> {
        let first = |path: &str| {
            let rule = self.inner.rules.iter().find(|rule| rule.fits(path));
            rule.map_or(&self.inner.otherwise, |rule| &rule.rule)
        };
        let rule = first(path);
        if rule.rule.is_off || !path.contains('%') {
            return rule;
        }
        // Another spelling of a path is not a way around its rule.
        let otherwise_spelt = first(&key::normal(path));
        match otherwise_spelt.rule.is_off {
            true => otherwise_spelt,
            false => rule,
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    pub(crate) fn shows_keys(&self) -> bool {
        self.inner.shows_keys
    }

    pub(crate) fn variants(&self) -> &Variants {
        &self.inner.variants
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.entries.store().now()
    }

    /// Removes the pages that have one of these tags, and lets nobody wait who does not stay for
    /// it. That it failed is counted.
    pub(crate) fn end(&self, tags: Vec<String>) -> impl Future<Output = ()> + Send + use<> {
        let pages = self.clone();
        let work = async move {
            if pages.remove_tagged(tags).await.is_err() {
                pages.inner.counters.count_failed_removal();
            }
        };
        // Begun here already; without a runtime, by the one who waits.
        let begun = match Handle::try_current() {
            Ok(runtime) => Ok(runtime.spawn(work)),
            Err(_) => Err(work),
        };
        let pages = self.clone();
        async move {
            let ended = match begun {
                Ok(running) => running.await,
                Err(work) => {
                    work.await;
                    Ok(())
                }
            };
            if ended.is_err() {
                // The runtime goes down.
                pages.inner.counters.count_failed_removal();
            }
        }
    }

    pub(crate) fn count(&self, report: &PageReport) {
        self.inner.counters.count(report);
    }
}
