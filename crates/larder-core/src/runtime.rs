//! Where loads run: a seam, so that a program brings its own executor.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::store::BoxFuture;

/// An executor that loads are given to.
///
/// Without one a cache uses the Tokio runtime that its caller is in.
pub trait Runtime: fmt::Debug + Send + Sync + 'static {
    /// Runs a task to its end, whoever waits for it or not.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// A future that is ready after `time`.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// The Tokio runtime that the caller is in. Its timer has to be enabled, as `#[tokio::main]` does
/// it: timeouts and leases wait by it.
#[derive(Clone, Debug)]
pub struct TokioRuntime(tokio::runtime::Handle);

impl TokioRuntime {
    /// The one that this is called in.
    ///
    /// # Errors
    /// `InvalidConfig` if the caller is in none.
    pub fn current() -> Result<Self> {
        tokio::runtime::Handle::try_current().map(Self).map_err(|_| {
            Error::invalid_config(
                "loads need an executor to run in: call from within a Tokio runtime, or name another by the cache's `runtime` option",
            )
        })
    }
}

impl Runtime for TokioRuntime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.0.spawn(task));
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let _here = self.0.enter();
        Box::pin(tokio::time::sleep(time))
    }
}
