//! `KeyCache<T>`: any serde value under a string key, without a model.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Cache, PutOptions, Stats};
use crate::error::Result;
use crate::keyed::Keyed;
use crate::load::{FillContext, LoadError};
use crate::policy::Policy;
use crate::store::{PutOutcome, Store};

/// Values of one type under string keys.
///
/// ```
/// use std::time::Duration;
/// use larder_core::{KeyCache, Store};
///
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Session;
/// # async fn example(store: Store, session: Session) -> larder_core::Result<()> {
/// let sessions = KeyCache::<Session>::new(store, "sessions").await?;
/// sessions.set("abc", session, Duration::from_secs(900)).await?;
/// let session = sessions.get("abc").await?;
/// # Ok(())
/// # }
/// ```
pub struct KeyCache<T> {
    cache: Cache<Keyed<String, T>>,
}

impl<T> Clone for KeyCache<T> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
        }
    }
}

impl<T> fmt::Debug for KeyCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cache.fmt(f)
    }
}

/// The values of a cache that was built with options of its own.
impl<T> From<Cache<Keyed<String, T>>> for KeyCache<T> {
    fn from(cache: Cache<Keyed<String, T>>) -> Self {
        Self { cache }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> KeyCache<T> {
    /// The values called `name` in `store`. The same name is the same values; a name may not be
    /// shared by two types, nor with a model.
    ///
    /// # Errors
    /// `InvalidModel` if another type holds the name.
    pub async fn new(store: impl Into<Store>, name: impl Into<String>) -> Result<Self> {
        let cache = Cache::builder(store).name(name).build().await?;
        Ok(Self { cache })
    }

    /// Stores a value for `ttl`, in place of any under this key. Zero: it has expired at once.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub async fn set(
        &self,
        key: impl Into<String>,
        value: impl Into<Arc<T>>,
        ttl: Duration,
    ) -> Result<()> {
        let options = PutOptions::default().with_ttl(ttl);
        self.set_with(key, value, options).await.map(drop)
    }

    /// Stores a value as `options` say: tags, a version, a condition.
    ///
    /// # Errors
    /// As [`Cache::put_with`].
    pub async fn set_with(
        &self,
        key: impl Into<String>,
        value: impl Into<Arc<T>>,
        options: PutOptions,
    ) -> Result<PutOutcome> {
        let entry = Keyed::new(key.into(), value.into());
        self.cache.put_with(entry, options).await
    }

    /// The value under this key: from the cache, or else from `load`, which is then stored as the
    /// policy says. A loader that finds nothing returns `None`.
    ///
    /// # Errors
    /// As [`Cache::get_or_load`], whose guarantees this has.
    pub async fn get_or_load<L, Fut, V, E>(
        &self,
        key: &str,
        policy: &Policy,
        load: L,
    ) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(String, FillContext<Keyed<String, T>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
        V: Into<Option<T>> + Send,
        E: LoadError,
    {
        let load = |key: String, fill| {
            let work = load(key.clone(), fill);
            async move {
                let value: Option<T> = work.await?.into();
                Ok::<_, E>(value.map(|value| Keyed::new(key, Arc::new(value))))
            }
        };
        let entry = self.cache.get_or_load_with(key, policy, load).await?;
        Ok(entry.map(|entry| Arc::clone(entry.value())))
    }

    /// Removes the values that have at least one of these tags; says how many.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_tagged<G: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = G>,
    ) -> Result<u64> {
        self.cache.remove_tagged(tags).await
    }

    /// Lets the value under this key expire now; says whether there was one. See
    /// [`Cache::expire`].
    ///
    /// # Errors
    /// Those of the store.
    pub async fn expire(&self, key: &str) -> Result<bool> {
        self.cache.expire(key).await
    }

    /// The value under this key; `None` if there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get(&self, key: &str) -> Result<Option<Arc<T>>> {
        let entry = self.cache.get(key).await?;
        Ok(entry.map(|entry| Arc::clone(entry.value())))
    }

    /// The value under this key if it can be had without waiting.
    pub fn peek(&self, key: &str) -> Option<Arc<T>> {
        self.cache.peek(key).map(|entry| Arc::clone(entry.value()))
    }

    /// The values under these keys, in the order asked.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get_many<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<Vec<Option<Arc<T>>>> {
        let entries = self.cache.get_many(keys).await?;
        Ok(entries
            .into_iter()
            .map(|entry| entry.map(|entry| Arc::clone(entry.value())))
            .collect())
    }

    /// Removes the value under this key; says whether there was one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self, key: &str) -> Result<bool> {
        self.cache.remove(key).await
    }

    /// Whether there is a value under this key.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn contains(&self, key: &str) -> Result<bool> {
        self.cache.contains(key).await
    }

    /// Gives the value under this key a new lifetime from now; says whether there was one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn touch(&self, key: &str, ttl: Duration) -> Result<bool> {
        self.cache.touch(key, ttl).await
    }

    /// How many values there are.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn count(&self) -> Result<u64> {
        self.cache.count().await
    }

    /// Removes all values.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn clear(&self) -> Result<()> {
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
