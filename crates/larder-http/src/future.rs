//! The answer on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;

use crate::body::PageBody;

type Answer<R, E> = Result<Response<PageBody<R>>, E>;
type Boxed<R, E> = Pin<Box<dyn Future<Output = Answer<R, E>> + Send>>;

/// The future of a [`PageCacheService`](crate::PageCacheService).
///
/// # Cancel safety
/// Dropped, it takes no page with it that others wait for: what is being made is made to its end,
/// and stored.
#[must_use = "futures do nothing unless they are polled"]
pub struct PageFuture<R: Body, E>(State<R, E>);

enum State<R: Body, E> {
    /// Known when it was asked for; taken by the one who waits.
    Ready(Option<Response<PageBody<R>>>),
    Coming(Boxed<R, E>),
}

impl<R: Body, E> PageFuture<R, E> {
    pub(crate) fn ready(response: Response<PageBody<R>>) -> Self {
        Self(State::Ready(Some(response)))
    }

    pub(crate) fn new(answer: impl Future<Output = Answer<R, E>> + Send + 'static) -> Self {
        Self(State::Coming(Box::pin(answer)))
    }
}

// Nothing of it is pinned in place: bodies that need it are in boxes of their own.
impl<R: Body, E> Unpin for PageFuture<R, E> {}

impl<R: Body, E> fmt::Debug for PageFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageFuture").finish_non_exhaustive()
    }
}

impl<R: Body, E> Future for PageFuture<R, E> {
    type Output = Answer<R, E>;

    /// # Panics
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => panic!("polled after it was ready"),
            },
            State::Coming(answer) => answer.as_mut().poll(context),
        }
    }
}
