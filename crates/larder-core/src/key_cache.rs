//! `KeyCache<T>`: any serde value under a string key, without a model.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, PutOptions, Stats};
use crate::error::{Invalid, Result};
use crate::field::FieldRef;
use crate::id::{IdKey, IdLike};
use crate::model::{Base, CacheFields, CacheModel, FieldsAt, Patch};
use crate::schema::{FieldSpec, Schema};
use crate::store::Store;

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
    cache: Cache<Keyed<T>>,
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
        let entry = Keyed {
            key: key.into(),
            value: Shared(value.into()),
        };
        let options = PutOptions::default().with_ttl(ttl);
        self.cache.put_with(entry, options).await.map(drop)
    }

    /// The value under this key; `None` if there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get(&self, key: &str) -> Result<Option<Arc<T>>> {
        let entry = self.cache.get(key).await?;
        Ok(entry.map(|entry| Arc::clone(&entry.value.0)))
    }

    /// The value under this key if it can be had without waiting.
    pub fn peek(&self, key: &str) -> Option<Arc<T>> {
        self.cache.peek(key).map(|entry| Arc::clone(&entry.value.0))
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
            .map(|entry| entry.map(|entry| Arc::clone(&entry.value.0)))
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

/// The model behind a [`KeyCache`]: a key and a value, nothing indexed.
#[derive(Serialize, Deserialize)]
#[serde(bound = "T: Serialize + DeserializeOwned")]
struct Keyed<T> {
    key: String,
    value: Shared<T>,
}

/// An `Arc` that is written as what it holds, without serde's `rc` feature.
struct Shared<T>(Arc<T>);

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Arc::new(value)))
    }
}

impl<T> CacheFields for Keyed<T> {
    type Fields<M> = ();
    const COUNT: u16 = 0;
    fn describe(_: &str, _: &mut Vec<FieldSpec>) {}
    fn field(&self, _: u16) -> FieldRef<'_> {
        FieldRef::Missing
    }
}

impl<T, M, B: Base> FieldsAt<M, B> for Keyed<T> {
    const AT: () = ();
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> CacheModel for Keyed<T> {
    type Id = String;
    type Patch = ();
    const NAME: &'static str = "keyed";

    fn id(&self) -> String {
        self.key.clone()
    }
    fn id_key(&self) -> IdKey {
        self.key.as_str().key()
    }
    fn schema(name: &str) -> Result<Schema> {
        Schema::new::<Self>(name, 1, None, Vec::new())
    }
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

impl<T> Patch<Keyed<T>> for () {
    fn apply(self, _: &mut Keyed<T>) -> Result<(), Invalid> {
        Ok(())
    }
}
