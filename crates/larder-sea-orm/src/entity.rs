//! Entities whose rows are cached, and how those are loaded.

use std::fmt;
use std::marker::PhantomData;

use larder_core::{CacheModel, Error, FillContext, Result, Source};
use sea_orm::sea_query::IntoValueTuple;
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, Iterable, PrimaryKeyToColumn,
    PrimaryKeyTrait, QueryFilter,
};

/// The primary key of an entity.
pub type Key<E> = <<E as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType;

/// How many rows one statement asks for: each takes a parameter or more, which databases limit.
const AT_A_TIME: usize = 1_000;

/// An entity whose rows are cached as `M`. Implemented by [`cached_entity!`](crate::cached_entity).
pub trait CachedEntity<M: CacheModel>: EntityTrait {
    /// What is cached of a row.
    fn card(row: &Self::Model) -> M;

    /// The id of what is cached of the row with this key.
    ///
    /// # Errors
    /// `InvalidModel` if no id is like it: nothing can be cached of that row.
    fn id_of(key: Key<Self>) -> Result<M::Id>;

    /// The key of the row that is cached under this id.
    ///
    /// # Errors
    /// `InvalidModel` if no key is like it: there is no such row.
    fn key_of(id: M::Id) -> Result<Key<Self>>;

    /// What tells the version of a row, one that grows with each change, where there is one.
    fn version() -> Option<fn(&M) -> u64> {
        None
    }
}

/// Makes an entity cached: `cached_entity!(user::Entity => UserCard)`.
///
/// The card has to be `From` a reference to the entity's model, which `#[cache(from = user::Model)]` derives. Its
/// id is the primary key, or what can be made of it and back by `TryFrom`. With
/// `version = |card| card.version` it has a version: a number that grows whenever the row changes,
/// by which a cache may be [written through](crate::CachedDbBuilder::write_through).
#[macro_export]
macro_rules! cached_entity {
    ($entity:ty => $card:ty) => {
        $crate::cached_entity!(@ $entity, $card, );
    };
    ($entity:ty => $card:ty, version = $version:expr) => {
        $crate::cached_entity!(@ $entity, $card,
            fn version() -> ::std::option::Option<fn(&$card) -> u64> {
                ::std::option::Option::Some($version)
            }
        );
    };
    (@ $entity:ty, $card:ty, $($version:item)?) => {
        impl $crate::CachedEntity<$card> for $entity {
            fn card(row: &<$entity as $crate::__private::EntityTrait>::Model) -> $card {
                ::std::convert::From::from(row)
            }

            fn id_of(
                key: $crate::Key<$entity>,
            ) -> $crate::__private::Result<<$card as $crate::__private::CacheModel>::Id> {
                $crate::__private::converted(key)
            }

            fn key_of(
                id: <$card as $crate::__private::CacheModel>::Id,
            ) -> $crate::__private::Result<$crate::Key<$entity>> {
                $crate::__private::converted(id)
            }

            $($version)?
        }
    };
}

/// A key as an id, or an id as a key.
#[doc(hidden)]
pub fn converted<A, B>(from: A) -> Result<B>
where
    B: TryFrom<A>,
    B::Error: fmt::Display,
{
    B::try_from(from).map_err(|error| {
        let (from, to) = (std::any::type_name::<A>(), std::any::type_name::<B>());
        Error::invalid_model(format!("a `{from}` that is no `{to}`: {error}"))
    })
}

/// The rows of an entity as the source of their cache.
pub struct EntitySource<E, M> {
    connection: DatabaseConnection,
    marker: PhantomData<fn() -> (E, M)>,
}

impl<E, M> fmt::Debug for EntitySource<E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntitySource").finish_non_exhaustive()
    }
}

impl<E: CachedEntity<M>, M: CacheModel> EntitySource<E, M> {
    /// The rows that are read through this connection.
    pub fn new(connection: DatabaseConnection) -> Self {
        Self {
            connection,
            marker: PhantomData,
        }
    }
}

impl<E: CachedEntity<M>, M: CacheModel> Source<M> for EntitySource<E, M> {
    type Error = DbErr;

    async fn load(&self, id: M::Id) -> Result<Option<M>, DbErr> {
        one::<E, M, _>(id, &self.connection).await
    }

    async fn load_many(&self, ids: Vec<M::Id>) -> Result<Vec<M>, DbErr> {
        many::<E, M, _>(ids, &self.connection).await
    }

    fn describe(&self, fill: &FillContext<M>) {
        if let Some(version) = E::version() {
            fill.version_by(version);
        }
    }
}

/// The row that is cached under this id.
pub(crate) async fn one<E, M, C>(id: M::Id, connection: &C) -> Result<Option<M>, DbErr>
where
    E: CachedEntity<M>,
    M: CacheModel,
    C: sea_orm::ConnectionTrait,
{
    let Ok(key) = E::key_of(id) else {
        return Ok(None);
    };
    let row = E::find_by_id(key).one(connection).await?;
    Ok(row.as_ref().map(E::card))
}

/// The rows that are cached under these ids.
pub(crate) async fn many<E, M, C>(ids: Vec<M::Id>, connection: &C) -> Result<Vec<M>, DbErr>
where
    E: CachedEntity<M>,
    M: CacheModel,
    C: sea_orm::ConnectionTrait,
{
    let columns: Vec<E::Column> = E::PrimaryKey::iter()
        .map(PrimaryKeyToColumn::into_column)
        .collect();
    let mut cards = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_A_TIME) {
        let keys = ids.iter().filter_map(|id| E::key_of(id.clone()).ok());
        let keys = keys.map(|key| key.into_value_tuple().into_iter());
        let filter = match columns.as_slice() {
            &[column] => Condition::all().add(column.is_in(keys.flatten())),
            columns => keys.fold(Condition::any(), |any, values| {
                let parts = columns.iter().zip(values);
                any.add(parts.fold(Condition::all(), |all, (column, value)| {
                    all.add(column.eq(value))
                }))
            }),
        };
        if filter.is_empty() {
            continue;
        }
        let rows = E::find().filter(filter).all(connection).await?;
        cards.extend(rows.iter().map(E::card));
    }
    Ok(cards)
}
