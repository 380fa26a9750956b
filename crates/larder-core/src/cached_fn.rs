//! `CachedFn`: an async function whose results are cached by its arguments.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Cache, CacheBuilder, Stats};
use crate::error::{Error, Result};
use crate::keyed::{Key, Keyed};
use crate::load::{FillContext, LoadError, failure};
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::store::{BoxFuture, Store};

/// An async function, its results cached by its arguments, on any store.
///
/// What it is called with is its key: a number, a string, an uuid, or a tuple of such. Calls with
/// the same arguments at the same time are one. Two of these share results only where they are
/// built on one store under one name. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use larder_core::{CachedFn, Store};
///
/// # async fn count(team: u32, since: u64) -> Result<u64, std::io::Error> { Ok(7) }
/// # async fn example(store: Store) -> larder_core::Result<()> {
/// let members = CachedFn::builder(store, "members", |(team, since): (u32, u64)| count(team, since))
///     .ttl(Duration::from_secs(60))
///     .build()
///     .await?;
/// assert_eq!(*members.call((3, 2025)).await?, 7);
/// members.forget(&(3, 2025)).await?;
/// # Ok(())
/// # }
/// ```
pub struct CachedFn<A, T> {
    cache: Cache<Keyed<A, T>>,
    function: Function<A, T>,
}

type Filled<A, T> = FillContext<Keyed<A, T>>;
type Function<A, T> = Arc<dyn Fn(A, Filled<A, T>) -> BoxFuture<'static, Result<T>> + Send + Sync>;

impl<A, T> Clone for CachedFn<A, T> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            function: Arc::clone(&self.function),
        }
    }
}

impl<A, T> fmt::Debug for CachedFn<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFn").finish_non_exhaustive()
    }
}

/// Puts a [`CachedFn`] together.
#[must_use]
pub struct CachedFnBuilder<A, T> {
    cache: CacheBuilder<Keyed<A, T>>,
    function: Function<A, T>,
}

impl<A, T> fmt::Debug for CachedFnBuilder<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFnBuilder").finish_non_exhaustive()
    }
}

impl<A, T> CachedFnBuilder<A, T>
where
    A: Key,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// How long a result lives; in place of the store's.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.cache = self.cache.ttl(ttl);
        self
    }

    /// How results are loaded and served, unless a call has a policy of its own.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.cache = self.cache.policy(policy);
        self
    }

    /// Where calls run; without, in the Tokio runtime that their caller is in.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.cache = self.cache.runtime(runtime);
        self
    }

    /// How many calls may be under way at a time; see [`CacheBuilder::max_loads`].
    pub fn max_calls(mut self, most: usize) -> Self {
        self.cache = self.cache.max_loads(most);
        self
    }

    /// Makes the function.
    ///
    /// # Errors
    /// As [`CacheBuilder::build`].
    pub async fn build(self) -> Result<CachedFn<A, T>> {
        Ok(CachedFn {
            cache: self.cache.build().await?,
            function: self.function,
        })
    }
}

impl<A, T> CachedFn<A, T>
where
    A: Key,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// Begins to cache the results of `function` in `store`, under a name that is no model's.
    pub fn builder<F, Fut, E>(
        store: impl Into<Store>,
        name: impl Into<String>,
        function: F,
    ) -> CachedFnBuilder<A, T>
    where
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: LoadError,
    {
        Self::builder_with(store, name, move |arguments, _| function(arguments))
    }

    /// As [`builder`](Self::builder), of a function that is given a [`FillContext`] to say more
    /// of each result.
    pub fn builder_with<F, Fut, E>(
        store: impl Into<Store>,
        name: impl Into<String>,
        function: F,
    ) -> CachedFnBuilder<A, T>
    where
        F: Fn(A, FillContext<Keyed<A, T>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: LoadError,
    {
        CachedFnBuilder {
            cache: Cache::builder(store).name(name),
            function: Arc::new(move |arguments, fill| {
                let work = function(arguments, fill);
                Box::pin(async move { work.await.map_err(failure) })
            }),
        }
    }

    fn load(
        &self,
    ) -> impl FnOnce(A, Filled<A, T>) -> BoxFuture<'static, Result<Keyed<A, T>>> + Send + use<A, T>
    {
        let function = Arc::clone(&self.function);
        move |arguments, fill| {
            let work = function(arguments.clone(), fill);
            Box::pin(async move { Ok(Keyed::new(arguments, Arc::new(work.await?))) })
        }
    }

    /// The result for these arguments: from the cache, or else from the function.
    ///
    /// # Errors
    /// As [`Cache::get_or_load`], whose guarantees this has.
    pub async fn call(&self, arguments: A) -> Result<Arc<T>> {
        self.call_with(arguments, self.cache.policy()).await
    }

    /// The result for these arguments, by a policy of its own.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_with(&self, arguments: A, policy: &Policy) -> Result<Arc<T>> {
        let called = self.cache.get_or_load_with(&arguments, policy, self.load());
        result(called.await?)
    }

    /// Calls the function, whatever is in the cache, and stores the result. Joins a call of these
    /// arguments that is under way.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn refresh(&self, arguments: A) -> Result<Arc<T>> {
        result(self.cache.reload(&arguments, self.load()).await?)
    }

    /// Calls the function as if there were no cache: nothing is read from it, stored in it or
    /// waited for.
    ///
    /// # Errors
    /// `Loader`, with the function's error as its source.
    pub async fn bypass(&self, arguments: A) -> Result<T> {
        (self.function)(arguments, FillContext::new(None)).await
    }

    /// Forgets the result for these arguments; says whether there was one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget(&self, arguments: &A) -> Result<bool> {
        self.cache.remove(arguments).await
    }

    /// Forgets the results that have at least one of these tags; says how many.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget_tagged<G: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = G>,
    ) -> Result<u64> {
        self.cache.remove_tagged(tags).await
    }

    /// Forgets all results.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget_all(&self) -> Result<()> {
        self.cache.clear().await
    }

    /// What the cache and its store count.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stats(&self) -> Result<Stats> {
        self.cache.stats().await
    }
}

fn result<A, T>(called: Option<Arc<Keyed<A, T>>>) -> Result<Arc<T>> {
    let called = called.map(|entry| Arc::clone(entry.value()));
    called.ok_or_else(|| Error::internal("a call brought no result"))
}
