//! A value of any type under a key: the model where there is no model.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Invalid, Result};
use crate::field::FieldRef;
use crate::id::{Id, IdKey};
use crate::model::{Base, CacheFields, CacheModel, FieldsAt, Patch};
use crate::schema::{FieldSpec, Schema};

/// What a key may be: an id that is stored beside its value.
pub trait Key: Id + Serialize + DeserializeOwned {}

impl<K: Id + Serialize + DeserializeOwned> Key for K {}

/// A value under a key; nothing of it is indexed.
#[derive(Serialize, Deserialize)]
#[serde(bound = "K: Key, T: Serialize + DeserializeOwned")]
pub struct Keyed<K, T> {
    key: K,
    value: Shared<T>,
}

impl<K, T> Keyed<K, T> {
    /// A value under a key.
    pub fn new(key: K, value: Arc<T>) -> Self {
        Self {
            key,
            value: Shared(value),
        }
    }

    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The value.
    pub fn value(&self) -> &Arc<T> {
        &self.value.0
    }
}

impl<K: fmt::Debug, T> fmt::Debug for Keyed<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
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

impl<K, T> CacheFields for Keyed<K, T> {
    type Fields<M> = ();
    const COUNT: u16 = 0;
    fn describe(_: &str, _: &mut Vec<FieldSpec>) {}
    fn field(&self, _: u16) -> FieldRef<'_> {
        FieldRef::Missing
    }
}

impl<K, T, M, B: Base> FieldsAt<M, B> for Keyed<K, T> {
    const AT: () = ();
}

impl<K, T> CacheModel for Keyed<K, T>
where
    K: Key,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Id = K;
    type Patch = ();
    const NAME: &'static str = "keyed";

    fn id(&self) -> K {
        self.key.clone()
    }
    fn id_key(&self) -> IdKey {
        self.key.to_key()
    }
    fn schema(name: &str) -> Result<Schema> {
        Schema::new::<Self>(name, 1, None, Vec::new())
    }
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

impl<K, T> Patch<Keyed<K, T>> for () {
    fn apply(self, _: &mut Keyed<K, T>) -> Result<(), Invalid> {
        Ok(())
    }
}
