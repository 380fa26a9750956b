//! The layer.

use std::marker::PhantomData;
use std::sync::Arc;

use tower_layer::Layer;

use crate::intake::Plain;
use crate::key;
use crate::pages::{Compiled, PageCache};
use crate::service::PageCacheService;

/// Wraps services in a [`PageCache`]. Made by [`PageCache::layer`] and its like.
///
/// Layers of one cache share its pages: by what they see of requests, they tell them apart. A layer
/// inside a router that is nested in another (axum's `Router::nest`) does not see the prefix of the
/// path; it has to be told it, by [`under`](Self::under).
#[derive(Clone, Debug)]
pub struct PageCacheLayer<I = Plain> {
    site: Arc<Site>,
    intake: PhantomData<I>,
}

/// What a layer knows of what it wraps. In one piece, as routers make services of layers for each
/// request.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) pages: PageCache,
    /// The rule of all paths; `None` if those of the cache go.
    pub(crate) rule: Option<Arc<Compiled>>,
    /// The prefix of the path that the layer does not see.
    pub(crate) under: String,
}

impl Site {
    /// The rule of a path as the layer sees it.
    pub(crate) fn rule(&self, path: &str) -> &Arc<Compiled> {
        match &self.rule {
            Some(rule) => rule,
            None => self.pages.rule(&key::whole_path(&self.under, path)),
        }
    }
}

impl<I> PageCacheLayer<I> {
    pub(crate) fn new(pages: PageCache, rule: Option<Arc<Compiled>>) -> Self {
        let site = Site {
            pages,
            rule,
            under: String::new(),
        };
        Self {
            site: Arc::new(site),
            intake: PhantomData,
        }
    }

    /// Says that what this layer wraps sees paths without this prefix, as in a router that is
    /// nested in another. Rules, keys, and [`PageCache::remove_path`] go by the path with it.
    ///
    /// ```
    /// # fn example(pages: larder_http::PageCache) {
    /// let layer = pages.layer().under("/api");
    /// // let api = Router::new().route("/people", get(people)).layer(layer);
    /// // let app = Router::new().nest("/api", api);
    /// # let _ = layer;
    /// # }
    /// ```
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        Arc::make_mut(&mut self.site).under = match prefix.is_empty() {
            true => String::new(),
            false => format!("/{prefix}"),
        };
        self
    }
}

impl<S, I> Layer<S> for PageCacheLayer<I> {
    type Service = PageCacheService<S, I>;

    fn layer(&self, inner: S) -> Self::Service {
        PageCacheService::new(inner, Arc::clone(&self.site))
    }
}
