//! Sources: where rows come from, told once, so that no load needs a closure.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::Result;
use crate::id::IdLike;
use crate::load::{FillContext, LoadError, Refresher, failure};
use crate::model::CacheModel;
use crate::policy::Policy;
use crate::store::BoxFuture;

/// Where the rows of a model come from: a table, another service.
///
/// ```
/// use larder_core::{Cache, Source};
///
/// # #[derive(Clone, serde::Serialize, serde::Deserialize, larder_derive::CacheModel)]
/// # #[cache(crate = larder_core)]
/// # struct User {
/// #     #[cache(id)]
/// #     id: u64,
/// # }
/// # struct Database;
/// # impl Database {
/// #     async fn user(&self, id: u64) -> Result<Option<User>, std::io::Error> { Ok(Some(User { id })) }
/// #     async fn users(&self, ids: Vec<u64>) -> Result<Vec<User>, std::io::Error> {
/// #         Ok(ids.into_iter().map(|id| User { id }).collect())
/// #     }
/// # }
/// impl Source<User> for Database {
///     type Error = std::io::Error;
///
///     async fn load(&self, id: u64) -> Result<Option<User>, Self::Error> {
///         self.user(id).await
///     }
///
///     async fn load_many(&self, ids: Vec<u64>) -> Result<Vec<User>, Self::Error> {
///         self.users(ids).await
///     }
/// }
///
/// # async fn example(users: Cache<User>, database: Database) -> larder_core::Result<()> {
/// let users = users.sourced(database);
/// let user = users.get_or_load(&42).await?;
/// # Ok(())
/// # }
/// ```
pub trait Source<M: CacheModel>: Send + Sync + 'static {
    /// What a load fails with.
    type Error: LoadError;

    /// The row with this id; `None` if there is none.
    fn load(&self, id: M::Id) -> impl Future<Output = Result<Option<M>, Self::Error>> + Send;

    /// The rows with these ids, in any order; those that are not there are left out.
    fn load_many(
        &self,
        ids: Vec<M::Id>,
    ) -> impl Future<Output = Result<Vec<M>, Self::Error>> + Send;

    /// Says of what will be loaded whatever a load can say of it: versions, tags, a lifetime.
    /// Called before each load. Nothing, unless a source says otherwise.
    fn describe(&self, _fill: &FillContext<M>) {}
}

/// A source, its own type forgotten.
trait AnySource<M: CacheModel>: Send + Sync {
    fn one(
        self: Arc<Self>,
        id: M::Id,
        fill: FillContext<M>,
    ) -> BoxFuture<'static, Result<Option<M>>>;
    fn many(
        self: Arc<Self>,
        ids: Vec<M::Id>,
        fill: FillContext<M>,
    ) -> BoxFuture<'static, Result<Vec<M>>>;
}

impl<M: CacheModel, S: Source<M>> AnySource<M> for S {
    fn one(
        self: Arc<Self>,
        id: M::Id,
        fill: FillContext<M>,
    ) -> BoxFuture<'static, Result<Option<M>>> {
        Box::pin(async move {
            self.describe(&fill);
            self.load(id).await.map_err(failure)
        })
    }

    fn many(
        self: Arc<Self>,
        ids: Vec<M::Id>,
        fill: FillContext<M>,
    ) -> BoxFuture<'static, Result<Vec<M>>> {
        Box::pin(async move {
            self.describe(&fill);
            self.load_many(ids).await.map_err(failure)
        })
    }
}

impl<M: CacheModel> Cache<M> {
    /// This cache, bound to where its rows come from.
    #[must_use]
    pub fn sourced(&self, source: impl Source<M>) -> SourcedCache<M> {
        SourcedCache {
            cache: self.clone(),
            source: Arc::new(source),
        }
    }
}

/// A cache that knows where its rows come from. Its loads need no closure; all else is the
/// cache's own. Cloning is cheap; clones are the same cache.
pub struct SourcedCache<M: CacheModel> {
    cache: Cache<M>,
    source: Arc<dyn AnySource<M>>,
}

impl<M: CacheModel> Clone for SourcedCache<M> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            source: Arc::clone(&self.source),
        }
    }
}

impl<M: CacheModel> fmt::Debug for SourcedCache<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourcedCache").field(&self.cache).finish()
    }
}

impl<M: CacheModel> Deref for SourcedCache<M> {
    type Target = Cache<M>;

    fn deref(&self) -> &Cache<M> {
        &self.cache
    }
}

impl<M: CacheModel> SourcedCache<M> {
    /// The cache alone: its loads take a closure.
    pub fn cache(&self) -> &Cache<M> {
        &self.cache
    }

    /// The object with this id: from the cache, or else from the source. See
    /// [`Cache::get_or_load`].
    ///
    /// # Errors
    /// As [`Cache::get_or_load`].
    ///
    /// # Cancel safety
    /// A dropped caller changes nothing: the load goes on for the others, and is stored.
    pub async fn get_or_load<Q>(&self, id: &Q) -> Result<Option<Arc<M>>>
    where
        Q: IdLike<M::Id> + ?Sized,
    {
        self.get_or_load_with(id, self.cache.policy()).await
    }

    /// As [`get_or_load`](Self::get_or_load), by a policy of its own.
    ///
    /// # Errors
    /// As [`Cache::get_or_load`].
    pub async fn get_or_load_with<Q>(&self, id: &Q, policy: &Policy) -> Result<Option<Arc<M>>>
    where
        Q: IdLike<M::Id> + ?Sized,
    {
        let source = Arc::clone(&self.source);
        let load = move |id, fill| source.one(id, fill);
        self.cache.get_or_load_with(id, policy, load).await
    }

    /// The objects with these ids, in the order asked: from the cache, and the others from the
    /// source, in one call. See [`Cache::get_or_load_many`].
    ///
    /// # Errors
    /// As [`Cache::get_or_load_many`].
    pub async fn get_or_load_many<'q, Q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Q: IdLike<M::Id> + ?Sized + 'q,
    {
        self.get_or_load_many_with(ids, self.cache.policy()).await
    }

    /// As [`get_or_load_many`](Self::get_or_load_many), by a policy of its own.
    ///
    /// # Errors
    /// As [`Cache::get_or_load_many`].
    pub async fn get_or_load_many_with<'q, Q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
        policy: &Policy,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Q: IdLike<M::Id> + ?Sized + 'q,
    {
        let source = Arc::clone(&self.source);
        let load = move |ids, fill| source.many(ids, fill);
        self.cache.get_or_load_many_with(ids, policy, load).await
    }

    /// Loads the object with this id anew, whatever is in the cache. See [`Cache::reload`].
    ///
    /// # Errors
    /// As [`Cache::get_or_load`].
    pub async fn reload<Q>(&self, id: &Q) -> Result<Option<Arc<M>>>
    where
        Q: IdLike<M::Id> + ?Sized,
    {
        let source = Arc::clone(&self.source);
        self.cache
            .reload(id, move |id, fill| source.one(id, fill))
            .await
    }

    /// Loads the objects with these ids anew, in one call.
    ///
    /// # Errors
    /// As [`Cache::get_or_load_many`].
    pub async fn reload_many<'q, Q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
    ) -> Result<Vec<Option<Arc<M>>>>
    where
        Q: IdLike<M::Id> + ?Sized + 'q,
    {
        let source = Arc::clone(&self.source);
        self.cache
            .reload_many(ids, move |ids, fill| source.many(ids, fill))
            .await
    }

    /// Loads the objects with these ids anew every so often, as long as what is given lives. See
    /// [`Cache::refresh_every`].
    ///
    /// # Errors
    /// As [`Cache::refresh_every`].
    pub fn refresh_every(
        &self,
        pause: Duration,
        ids: impl IntoIterator<Item = M::Id>,
    ) -> Result<Refresher> {
        let source = Arc::clone(&self.source);
        let load = move |ids, fill| Arc::clone(&source).many(ids, fill);
        self.cache.refresh_every(pause, ids, load)
    }
}
