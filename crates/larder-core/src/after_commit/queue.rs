//! The work of one cache, and its model's type forgotten.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};

use super::Aftermath;
use crate::cache::Cache;
use crate::change::{Row, RowChange};
use crate::error::Result;
use crate::fence::Fence;
use crate::filter::Filter;
use crate::id::IdKey;
use crate::model::CacheModel;
use crate::runtime::Runtime;
use crate::store::BoxFuture;

/// Which cache a queue is of: its model's type, and where the cache lies.
pub(super) type Place = (TypeId, usize);

/// The work of one cache.
pub(super) trait AnyQueue: fmt::Debug + Send + Sync {
    fn place(&self) -> Place;
    fn as_any(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn runtime(&self) -> Option<Arc<dyn Runtime>>;
    /// Takes over the later work of the same cache.
    fn join(&mut self, later: Box<dyn Any>);
    /// Fences before all that is to change by its id; `None` if nothing is.
    fn fence(&self, lifetime: Duration) -> Option<BoxFuture<'_, Result<Box<dyn Raised>>>>;
    fn run<'a>(self: Box<Self>, aftermath: &'a mut Aftermath) -> BoxFuture<'a, ()>;
    /// Leaves nothing but removals.
    fn doubt(&mut self);
}

/// Fences before rows of one model.
pub(super) trait Raised: Send + Sync {
    fn lift(self: Box<Self>) -> BoxFuture<'static, Result<()>>;
}

impl<M: CacheModel> Raised for Fence<M> {
    fn lift(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin((*self).lift())
    }
}

/// What is to become of one row.
struct Work<M> {
    change: RowChange<M>,
    /// To be put, with this version.
    put: Option<(Arc<M>, u64)>,
    /// To be removed first all the same: versions of a row that came back may begin anew.
    anew: bool,
    /// Deleted when it had this version.
    buried: Option<u64>,
}

pub(super) struct Queue<M> {
    cache: Cache<M>,
    rows: Vec<Work<M>>,
    /// Where a row stands.
    places: HashMap<IdKey, usize>,
    filters: Vec<Filter<M>>,
    all: bool,
}

impl<M> fmt::Debug for Queue<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("rows", &self.rows.len())
            .field("filters", &self.filters.len())
            .field("all", &self.all)
            .finish()
    }
}

impl<M: CacheModel> Queue<M> {
    pub(super) fn new(cache: &Cache<M>) -> Self {
        Self {
            cache: cache.clone(),
            rows: Vec::new(),
            places: HashMap::new(),
            filters: Vec::new(),
            all: false,
        }
    }

    /// Clones of a cache share their counters, and other caches do not.
    pub(super) fn place_of(cache: &Cache<M>) -> Place {
        let counters = std::ptr::from_ref(cache.counters());
        (TypeId::of::<M>(), counters.addr())
    }

    pub(super) fn change(&mut self, change: RowChange<M>) {
        self.row(change, None, None);
    }

    pub(super) fn put(&mut self, row: Arc<M>, version: u64) {
        let change = RowChange::saved(Arc::clone(&row));
        self.row(change, Some((row, version)), None);
    }

    pub(super) fn bury(&mut self, change: RowChange<M>, version: u64) {
        self.row(change, None, Some(version));
    }

    pub(super) fn widen(&mut self, filter: Filter<M>) {
        self.filters.push(filter);
        self.overwritten();
    }

    pub(super) fn clear(&mut self) {
        self.all = true;
        self.overwritten();
    }

    /// Rows that were written before something that may have written them again: what they are
    /// now, nobody knows.
    fn overwritten(&mut self) {
        for work in &mut self.rows {
            work.change.after = Row::Unknown;
            work.put = None;
            work.anew = true;
        }
    }

    /// Notes what became of a row: of two changes, what was before the first and what is behind
    /// the last.
    fn row(&mut self, change: RowChange<M>, put: Option<(Arc<M>, u64)>, buried: Option<u64>) {
        let at = *self.places.entry(change.key.clone()).or_insert_with(|| {
            self.rows.push(Work {
                change: RowChange {
                    key: change.key.clone(),
                    before: change.before.clone(),
                    after: Row::Unknown,
                },
                put: None,
                anew: put.is_none(),
                buried: None,
            });
            self.rows.len() - 1
        });
        let work = &mut self.rows[at];
        work.change.after = change.after;
        work.anew |= put.is_none();
        work.put = put;
        // A row that came back under its id has the tombstone of the one before.
        work.buried = buried.or(work.buried.take().filter(|_| work.put.is_none()));
    }

    /// Removes the rows, and what filters mean. What cannot be removed is told.
    async fn remove(
        cache: &Cache<M>,
        changes: Vec<RowChange<M>>,
        filters: Vec<Filter<M>>,
        all: bool,
        aftermath: &mut Aftermath,
    ) {
        let told = |aftermath: &mut Aftermath, done: Result<()>| {
            if done.is_err() {
                cache.counters().store_failures.add(1);
            }
            aftermath.note(done);
        };
        if all {
            told(aftermath, cache.clear().await);
        } else {
            for filter in filters {
                let removed = cache.find(|_| filter).remove().await;
                told(aftermath, removed.map(drop));
            }
        }
        if !changes.is_empty() {
            told(aftermath, cache.changed(changes).await.map(drop));
        }
    }
}

impl<M: CacheModel> AnyQueue for Queue<M> {
    fn place(&self) -> Place {
        Self::place_of(&self.cache)
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn runtime(&self) -> Option<Arc<dyn Runtime>> {
        self.cache.own_runtime().cloned()
    }

    fn join(&mut self, later: Box<dyn Any>) {
        if let Ok(later) = later.downcast::<Self>() {
            if later.all || !later.filters.is_empty() {
                self.overwritten();
            }
            for work in later.rows {
                let anew = work.anew;
                let key = work.change.key.clone();
                self.row(work.change, work.put, work.buried);
                self.rows[self.places[&key]].anew |= anew;
            }
            self.filters.extend(later.filters);
            self.all |= later.all;
        }
    }

    fn fence(&self, lifetime: Duration) -> Option<BoxFuture<'_, Result<Box<dyn Raised>>>> {
        if self.rows.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let ids: Vec<M::Id> = self
                .rows
                .iter()
                .map(|work| self.cache.id_of(&work.change.key))
                .collect::<Result<_>>()?;
            let fence = self.cache.fence(&ids, lifetime).await?;
            Ok(Box::new(fence) as Box<dyn Raised>)
        }))
    }

    fn run<'a>(self: Box<Self>, aftermath: &'a mut Aftermath) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Self {
                cache,
                rows,
                filters,
                all,
                ..
            } = *self;
            let buried: Vec<(IdKey, u64)> = rows
                .iter()
                .filter_map(|work| Some((work.change.key.clone(), work.buried?)))
                .collect();
            let removals = rows.iter().filter(|work| work.anew);
            let changes = removals.map(|work| work.change.clone()).collect();
            Self::remove(&cache, changes, filters, all, aftermath).await;
            for (key, version) in buried {
                let buried = match cache.id_of(&key) {
                    Ok(id) => cache.remove_if_newer(&id, version).await.map(drop),
                    Err(error) => Err(error),
                };
                if buried.is_err() {
                    cache.counters().store_failures.add(1);
                }
                aftermath.note(buried);
            }
            let mut refused = Vec::new();
            for work in rows {
                let Some((row, version)) = work.put else {
                    continue;
                };
                if let Err(error) = cache.put_if_newer(row, version).await {
                    cache.counters().store_failures.add(1);
                    aftermath.note::<()>(Err(error));
                    refused.push(work.change);
                }
            }
            if !refused.is_empty() {
                // What is there is from before.
                Self::remove(&cache, refused, Vec::new(), false, aftermath).await;
            }
        })
    }

    fn doubt(&mut self) {
        for work in &mut self.rows {
            // What the row was and is, nobody knows.
            work.change.before = Row::Unknown;
            work.change.after = Row::Unknown;
            work.put = None;
            work.buried = None;
            work.anew = true;
        }
    }
}
