//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use crate::intake::Plain;
use crate::pages::{Compiled, PageCache};
use crate::service::PageCacheService;

/// Wraps services in a [`PageCache`]. Made by [`PageCache::layer`] and its like.
#[derive(Clone, Debug)]
pub struct PageCacheLayer<I = Plain> {
    pages: PageCache,
    rule: Option<Arc<Compiled>>,
    intake: I,
}

impl<I> PageCacheLayer<I> {
    pub(crate) fn new(pages: PageCache, rule: Option<Arc<Compiled>>, intake: I) -> Self {
        Self {
            pages,
            rule,
            intake,
        }
    }
}

impl<S, I: Clone> Layer<S> for PageCacheLayer<I> {
    type Service = PageCacheService<S, I>;

    fn layer(&self, inner: S) -> Self::Service {
        let (pages, rule) = (self.pages.clone(), self.rule.clone());
        PageCacheService::new(inner, pages, rule, self.intake.clone())
    }
}
