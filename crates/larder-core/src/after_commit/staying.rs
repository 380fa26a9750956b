//! A future that goes on without whoever began it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::runtime::Runtime;
use crate::store::BoxFuture;

/// Work that is driven by whoever waits for it, and by the runtime once nobody does.
pub(super) struct Staying<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    runtime: Option<Arc<dyn Runtime>>,
}

impl<T: Send + 'static> Staying<T> {
    pub(super) fn new(
        work: impl Future<Output = T> + Send + 'static,
        runtime: Option<Arc<dyn Runtime>>,
    ) -> Self {
        Self {
            work: Some(Box::pin(work)),
            runtime,
        }
    }
}

impl<T: Send + 'static> Future for Staying<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out, so that what panics goes with its panic.
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Staying<T> {
    fn drop(&mut self) {
        if let (Some(work), Some(runtime)) = (self.work.take(), &self.runtime) {
            runtime.spawn(Box::pin(async move { drop(work.await) }));
        }
    }
}
