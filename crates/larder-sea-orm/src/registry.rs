//! Which caches hold something of which entity, and what becomes of them.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use larder_core::{AfterCommit, Cache, CacheModel, RowChange};
use sea_orm::EntityTrait;
use sea_orm::sea_query::{FromValueTuple, ValueTuple};

use crate::entity::{CachedEntity, Key};
use crate::statement::Written;

/// One cache of the rows of an entity, its model's type forgotten.
pub(crate) trait Watch<E: EntityTrait>: Send + Sync {
    fn inserted(&self, queue: &mut AfterCommit, row: &E::Model);
    /// Written, whether it was there before or not.
    fn saved(&self, queue: &mut AfterCommit, row: &E::Model);
    fn changed(&self, queue: &mut AfterCommit, key: ValueTuple);
    fn deleted(&self, queue: &mut AfterCommit, row: &E::Model);
}

/// A cache of the rows of an entity.
struct Cached<E, M> {
    cache: Cache<M>,
    /// Where it is written through: what tells the version.
    through: Option<fn(&M) -> u64>,
    marker: PhantomData<fn() -> E>,
}

impl<E: CachedEntity<M>, M: CacheModel> Cached<E, M> {
    fn written(&self, queue: &mut AfterCommit, row: &E::Model, change: fn(M) -> RowChange<M>) {
        let card = E::card(row);
        match self.through {
            Some(version) => {
                let version = version(&card);
                queue.put_if_newer(&self.cache, card, version);
            }
            None => queue.changed(&self.cache, [change(card)]),
        }
    }
}

impl<E: CachedEntity<M>, M: CacheModel> Watch<E> for Cached<E, M> {
    fn inserted(&self, queue: &mut AfterCommit, row: &E::Model) {
        self.written(queue, row, RowChange::inserted);
    }

    fn saved(&self, queue: &mut AfterCommit, row: &E::Model) {
        self.written(queue, row, RowChange::saved);
    }

    fn changed(&self, queue: &mut AfterCommit, key: ValueTuple) {
        // Of a key that is no id, nothing is cached.
        if let Ok(id) = E::id_of(Key::<E>::from_value_tuple(key)) {
            queue.changed(&self.cache, [RowChange::of(&id)]);
        }
    }

    fn deleted(&self, queue: &mut AfterCommit, row: &E::Model) {
        let card = E::card(row);
        let version = self.through.map(|version| version(&card));
        let change = RowChange::deleted(&card.id()).from_row(card);
        match version {
            Some(version) => queue.deleted_at(&self.cache, change, version),
            None => queue.changed(&self.cache, [change]),
        }
    }
}

struct Entry {
    entity: TypeId,
    table: String,
    /// An `Arc<dyn Watch<E>>`.
    watch: Box<dyn Any + Send + Sync>,
    /// A `Cache<M>`.
    cache: Box<dyn Any + Send + Sync>,
    /// Has all of the cache removed.
    clear: Box<dyn Fn(&mut AfterCommit) + Send + Sync>,
}

/// All caches of rows.
#[derive(Default)]
pub(crate) struct Registry(Vec<Entry>);

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.0.iter().map(|entry| &entry.table);
        f.debug_list().entries(tables).finish()
    }
}

impl Registry {
    pub(crate) fn add<E: CachedEntity<M>, M: CacheModel>(
        &mut self,
        cache: &Cache<M>,
        through: Option<fn(&M) -> u64>,
    ) {
        let watch: Arc<dyn Watch<E>> = Arc::new(Cached {
            cache: cache.clone(),
            through,
            marker: PhantomData,
        });
        let cleared = cache.clone();
        self.0.push(Entry {
            entity: TypeId::of::<E>(),
            table: E::default().table_name().to_lowercase(),
            watch: Box::new(watch),
            cache: Box::new(cache.clone()),
            clear: Box::new(move |queue| queue.clear(&cleared)),
        });
    }

    /// The cache of the rows of an entity as `M`.
    pub(crate) fn cache<E: EntityTrait, M: CacheModel>(&self) -> Option<&Cache<M>> {
        let entries = self.0.iter();
        entries
            .filter(|entry| entry.entity == TypeId::of::<E>())
            .find_map(|entry| entry.cache.downcast_ref())
    }

    /// The caches of the rows of an entity.
    pub(crate) fn of<E: EntityTrait>(&self) -> impl Iterator<Item = &dyn Watch<E>> {
        let watches = self.0.iter().map(|entry| &entry.watch);
        watches
            .filter_map(|watch| watch.downcast_ref::<Arc<dyn Watch<E>>>())
            .map(|watch| &**watch)
    }

    /// Has all removed that is cached of an entity.
    pub(crate) fn clear<E: EntityTrait>(&self, queue: &mut AfterCommit) {
        for entry in &self.0 {
            if entry.entity == TypeId::of::<E>() {
                (entry.clear)(queue);
            }
        }
    }

    /// Has all removed that may be of what a statement wrote.
    pub(crate) fn clear_written(&self, queue: &mut AfterCommit, written: &Written) {
        for entry in &self.0 {
            if written.may_be(&entry.table) {
                (entry.clear)(queue);
            }
        }
    }
}
