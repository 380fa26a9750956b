//! Models: what `#[derive(CacheModel)]` implements, and objects as stores see them.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Invalid, Result};
use crate::field::FieldRef;
use crate::id::{Id, IdKey};
use crate::schema::{FieldSpec, Schema};
use crate::weigh::weigh;

/// A Rust type whose values can be cached and queried. Derive it.
///
/// The derive reads `#[cache(..)]` on the struct (`name`, `version`, `ttl`, `from`, `validate`,
/// `patch`, `crate`) and on its fields (`id`, `index`, `text`, `sort`, `geo`, `flatten`, `skip`,
/// `rename`, `ignore_case`, `scale`).
pub trait CacheModel:
    CacheFields + FieldsAt<Self, Root> + Serialize + DeserializeOwned + Send + Sync + Sized + 'static
{
    /// What identifies an object of this model.
    type Id: Id;
    /// A change of some of its fields.
    type Patch: Patch<Self>;

    /// The model's name within a store, unless a cache is built with another.
    const NAME: &'static str;
    /// The field handles that filters and sorts are made of: what `find`'s closure is given.
    const FIELDS: Self::Fields<Self> = <Self as FieldsAt<Self, Root>>::AT;

    /// This object's id.
    fn id(&self) -> Self::Id;
    /// This object's id as a key.
    fn id_key(&self) -> IdKey;
    /// The schema, under the name given.
    ///
    /// # Errors
    /// `InvalidModel` if the declaration breaks a rule that the derive cannot see.
    fn schema(name: &str) -> Result<Schema>;
    /// The hook of `#[cache(validate = path)]`, run before every write.
    ///
    /// # Errors
    /// What the hook refuses, naming the field.
    fn validate(&self) -> Result<(), Invalid>;
}

/// The declared fields of a model or of a struct flattened into one.
///
/// Derived together with [`CacheModel`], or alone (`#[derive(CacheFields)]`) on a struct that
/// is only ever flattened.
pub trait CacheFields {
    /// The struct of handles, one a declared field, for use in filters over the model `M`.
    type Fields<M>: Copy;
    /// How many declared fields there are, flattened ones included.
    const COUNT: u16;

    /// Appends the declaration of each field; names start with `prefix`.
    fn describe(prefix: &str, out: &mut Vec<FieldSpec>);
    /// The value of the declared field at `position`, borrowed.
    fn field(&self, position: u16) -> FieldRef<'_>;
}

/// The handles of a [`CacheFields`] struct that begins at position `B` of the model `M`.
pub trait FieldsAt<M, B: Base>: CacheFields {
    /// The handles.
    const AT: Self::Fields<M>;
}

/// A position in a model's list of fields, as a type.
pub trait Base {
    /// The position.
    const POSITION: u16;
}

/// The position of a model's first field.
#[derive(Debug)]
pub struct Root;

impl Base for Root {
    const POSITION: u16 = 0;
}

/// The position `N` fields behind `B`.
#[derive(Debug)]
pub struct Offset<B, const N: u16>(PhantomData<B>);

impl<B: Base, const N: u16> Base for Offset<B, N> {
    const POSITION: u16 = B::POSITION + N;
}

/// The position behind all fields of `T`, which begin at `B`.
#[derive(Debug)]
pub struct After<B, T>(PhantomData<(B, T)>);

impl<B: Base, T: CacheFields> Base for After<B, T> {
    const POSITION: u16 = B::POSITION + T::COUNT;
}

/// A flattened struct that may be missing: then all its fields are.
impl<T: CacheFields> CacheFields for Option<T> {
    type Fields<M> = T::Fields<M>;
    const COUNT: u16 = T::COUNT;

    fn describe(prefix: &str, out: &mut Vec<FieldSpec>) {
        let before = out.len();
        T::describe(prefix, out);
        for field in &mut out[before..] {
            field.optional = true;
        }
    }

    fn field(&self, position: u16) -> FieldRef<'_> {
        self.as_ref()
            .map_or(FieldRef::Missing, |inner| inner.field(position))
    }
}

impl<T: FieldsAt<M, B>, M, B: Base> FieldsAt<M, B> for Option<T> {
    const AT: T::Fields<M> = T::AT;
}

/// A change of some fields of a model.
pub trait Patch<M> {
    /// Applies it.
    ///
    /// # Errors
    /// [`Invalid`] if a field that cannot be missing is set to null; then nothing is changed.
    fn apply(self, object: &mut M) -> Result<(), Invalid>;
}

/// What a patch does to one field: three states, because "leave it" and "clear it" differ.
///
/// In a patch read from JSON (`#[cache(patch(Deserialize))]`) an absent field is `Keep`, a null
/// one `Null`, any other `Set`; `patch(Serialize)` writes it so. A format has to know its fields
/// by name for that, as JSON does and bincode does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Leave the field as it is.
    #[default]
    Keep,
    /// Make it missing (`None`). Refused for a field that is no `Option`.
    Null,
    /// Give it this value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field is left as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

/// Null and values are written as they are. `Keep` is the absence of a field, which only the struct
/// around it can write: derived patches leave it out, and written by itself it is an error.
impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => Err(serde::ser::Error::custom(
                "a change that keeps its field has to be left out of what is written",
            )),
            Self::Null => serializer.serialize_none(),
            Self::Set(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Set))
    }
}

/// A patch that changes nothing: for the rest of a patch's fields.
///
/// ```
/// use larder_core::{Cache, Change::Set, keep};
///
/// # #[derive(Clone, serde::Serialize, serde::Deserialize, larder_derive::CacheModel)]
/// # #[cache(crate = larder_core)]
/// # struct User {
/// #     #[cache(id)]
/// #     id: u64,
/// #     name: String,
/// #     email: Option<String>,
/// # }
/// # async fn example(users: &Cache<User>) -> larder_core::Result<()> {
/// users.patch(&42, UserPatch { name: Set("joan".into()), ..keep() }).await?;
/// # Ok(())
/// # }
/// ```
pub fn keep<P: Default>() -> P {
    P::default()
}

/// A live object with its type erased: what a store holds and indexes.
///
/// Every [`CacheModel`] is one. By hand it is for objects whose fields are known at run time
/// only, such as a test kit's.
pub trait Object: Any + Send + Sync {
    /// The value of the declared field at `position`, borrowed.
    fn field(&self, position: u16) -> FieldRef<'_>;
    /// The object's id as a key.
    fn id_key(&self) -> IdKey;
    /// The object as bytes.
    ///
    /// # Errors
    /// `Encode` if its `Serialize` fails or panics.
    fn encode(&self, codec: &dyn Codec) -> Result<Bytes>;
    /// About how many bytes of memory the object takes, measured through its `Serialize`.
    ///
    /// # Errors
    /// `Encode` if its `Serialize` fails or panics.
    fn weight(&self) -> Result<usize>;
}

impl<M: CacheModel> Object for M {
    fn field(&self, position: u16) -> FieldRef<'_> {
        CacheFields::field(self, position)
    }

    fn id_key(&self) -> IdKey {
        CacheModel::id_key(self)
    }

    fn encode(&self, codec: &dyn Codec) -> Result<Bytes> {
        guarded::<M, _>(|| codec.encode(&self))
    }

    fn weight(&self) -> Result<usize> {
        guarded::<M, _>(|| weigh(self).map(|counted| counted.max(size_of::<M>())))
    }
}

/// Runs the user's `Serialize`; a panic in it is an error, not the end of the caller.
fn guarded<M, T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Error::new(
            ErrorKind::Encode,
            format!(
                "`Serialize` of `{}` panicked: {}",
                std::any::type_name::<M>(),
                panic_message(&*panic)
            ),
        ))
    })
}

/// What a caught panic said, if it said anything readable.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

impl fmt::Debug for dyn Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({:?})", self.id_key())
    }
}
