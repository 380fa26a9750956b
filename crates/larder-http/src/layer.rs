//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use crate::intake::Plain;
use crate::pages::{Compiled, PageCache};
use crate::service::PageCacheService;

/// Wraps services in a [`PageCache`]. Made by [`PageCache::layer`] and its like.
///
/// Layers of one cache share its pages: by what they see of requests, they tell them apart. A layer
/// inside a router that is nested in another (axum's `Router::nest`) does not see the prefix of the
/// path; it has to be told it, by [`under`](Self::under).
#[derive(Clone, Debug)]
pub struct PageCacheLayer<I = Plain> {
    pages: PageCache,
    rule: Option<Arc<Compiled>>,
    intake: I,
    under: Arc<str>,
}

impl<I> PageCacheLayer<I> {
    pub(crate) fn new(pages: PageCache, rule: Option<Arc<Compiled>>, intake: I) -> Self {
        Self {
            pages,
            rule,
            intake,
            under: Arc::default(),
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
        self.under = match prefix.is_empty() {
            true => Arc::default(),
            false => format!("/{prefix}").into(),
        };
        self
    }
}

impl<S, I: Clone> Layer<S> for PageCacheLayer<I> {
    type Service = PageCacheService<S, I>;

    fn layer(&self, inner: S) -> Self::Service {
        let (pages, rule) = (self.pages.clone(), self.rule.clone());
        let under = Arc::clone(&self.under);
        PageCacheService::new(inner, pages, rule, self.intake.clone(), under)
    }
}
