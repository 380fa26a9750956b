//! The answer on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;

use crate::body::PageBody;

type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<Response<PageBody<R>>, E>> + Send>>;

/// The future of a [`PageCacheService`](crate::PageCacheService).
///
/// # Cancel safety
/// Dropped, it takes no page with it that others wait for: what is being made is made to its end,
/// and stored.
#[must_use = "futures do nothing unless they are polled"]
pub struct PageFuture<R: Body, E>(Boxed<R, E>);

impl<R: Body, E> PageFuture<R, E> {
    pub(crate) fn new(
        answer: impl Future<Output = Result<Response<PageBody<R>>, E>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(answer))
    }
}

impl<R: Body, E> fmt::Debug for PageFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageFuture").finish_non_exhaustive()
    }
}

impl<R: Body, E> Future for PageFuture<R, E> {
    type Output = Result<Response<PageBody<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}
