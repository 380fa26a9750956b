//! Cache work that waits for a transaction: done once it is committed, forgotten if it is not.

mod queue;
mod staying;

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};

use self::queue::{AnyQueue, Queue, Raised};
use self::staying::Staying;
use crate::cache::Cache;
use crate::change::RowChange;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::model::CacheModel;
use crate::runtime::{Runtime, TokioRuntime};
use crate::store::BoxFuture;

/// Cache work of one transaction: queued while it goes on, done after its commit, and dropped,
/// with this, if it is rolled back.
///
/// Nothing touches a cache before the commit: what is removed too early is loaded again at once,
/// as it was. Of several changes of one row the last counts. Removing is the rule: removals may
/// come in any order. An object is put only with a version, so that an older one changes nothing.
///
/// A savepoint has a queue of its own, which its parent [`join`](Self::join)s when the savepoint
/// is released, and which is dropped when it is rolled back to.
///
/// ```
/// use larder_core::{AfterCommit, Cache, RowChange};
///
/// # #[derive(Clone, serde::Serialize, serde::Deserialize, larder_derive::CacheModel)]
/// # #[cache(crate = larder_core)]
/// # struct User {
/// #     #[cache(id)]
/// #     id: u64,
/// #     #[cache(index)]
/// #     team: u32,
/// # }
/// # struct Transaction;
/// # impl Transaction {
/// #     async fn commit(self) -> Result<(), std::io::Error> { Ok(()) }
/// # }
/// # async fn example(users: &Cache<User>, transaction: Transaction) -> Result<(), std::io::Error> {
/// let mut after = AfterCommit::new();
/// // .. one row was saved, another deleted, and more by a statement that named no ids ..
/// after.changed(users, [RowChange::saved(User { id: 42, team: 7 }), RowChange::deleted(&43)]);
/// after.invalidate_where(users, |u| u.team.eq(9));
/// let committed = after.commit(transaction.commit()).await?;
/// // The transaction is committed, whatever became of the cache.
/// assert!(committed.aftermath.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "dropped, it does nothing, as after a rollback"]
pub struct AfterCommit {
    queues: Vec<Box<dyn AnyQueue>>,
    /// Where the queue of a cache stands.
    places: HashMap<(TypeId, usize), usize>,
    others: Vec<Other>,
}

/// Work that is no cache's.
type Other = Box<dyn FnOnce() -> BoxFuture<'static, Result<()>> + Send>;

impl fmt::Debug for AfterCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterCommit")
            .field("queues", &self.queues)
            .field("others", &self.others.len())
            .finish()
    }
}

impl AfterCommit {
    /// A queue with nothing in it.
    pub fn new() -> Self {
        Self {
            queues: Vec::new(),
            places: HashMap::new(),
            others: Vec::new(),
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.others.is_empty()
    }

    /// What is cached of these rows is to be removed.
    pub fn changed<M: CacheModel>(
        &mut self,
        cache: &Cache<M>,
        changes: impl IntoIterator<Item = RowChange<M>>,
    ) {
        let queue = self.queue(cache);
        for change in changes {
            queue.change(change);
        }
    }

    /// The row is to be in the cache as it is now, with its version in the source, as by
    /// [`Cache::put_if_newer`]. If it cannot be put, what is cached of it is removed.
    pub fn put_if_newer<M: CacheModel>(
        &mut self,
        cache: &Cache<M>,
        row: impl Into<Arc<M>>,
        version: u64,
    ) {
        self.queue(cache).put(row.into(), version);
    }

    /// The row that had this version when it was deleted is to be removed, as by
    /// [`Cache::remove_if_newer`]: nothing of that version or an earlier one is put afterwards.
    pub fn deleted_at<M: CacheModel>(
        &mut self,
        cache: &Cache<M>,
        change: RowChange<M>,
        version: u64,
    ) {
        self.queue(cache).bury(change, version);
    }

    /// What the filter means is to be removed: for writes that named no ids. Name what the rows
    /// were and what they are.
    pub fn invalidate_where<M: CacheModel>(
        &mut self,
        cache: &Cache<M>,
        filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    ) {
        self.queue(cache).widen(filter(M::FIELDS));
    }

    /// All of a cache is to be removed: for writes of which nothing is known but their table.
    pub fn clear<M: CacheModel>(&mut self, cache: &Cache<M>) {
        self.queue(cache).clear();
    }

    /// Something else is to be done, behind the work of all caches.
    pub fn push<Fut>(&mut self, work: impl FnOnce() -> Fut + Send + 'static)
    where
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.others.push(Box::new(move || Box::pin(work())));
    }

    /// Takes over the work of a savepoint that was released.
    pub fn join(&mut self, savepoint: Self) {
        for queue in savepoint.queues {
            match self.places.get(&queue.place()) {
                Some(&place) => self.queues[place].join(queue.into_any()),
                None => {
                    self.places.insert(queue.place(), self.queues.len());
                    self.queues.push(queue);
                }
            }
        }
        self.others.extend(savepoint.others);
    }

    /// Puts up fences before all rows that are to change by their ids, for the time of the
    /// commit: see [`Cache::fence`]. They are lifted behind the work; if this program ends in
    /// between, those rows stay uncached until `lifetime` is over, and are right again then.
    ///
    /// Removals by filter or of a whole cache have no fences: they name no ids.
    ///
    /// # Errors
    /// As [`Cache::fence`]; nothing is to be committed then.
    pub async fn fence(self, lifetime: Duration) -> Result<Fenced> {
        let mut fences: Vec<Box<dyn Raised>> = Vec::new();
        let mut failed = None;
        for queue in &self.queues {
            match queue.fence(lifetime) {
                None => {}
                Some(raised) => match raised.await {
                    Ok(raised) => fences.push(raised),
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                },
            }
        }
        if let Some(error) = failed {
            // Nothing relies on the others.
            for fence in fences {
                let _ = fence.lift().await;
            }
            return Err(error);
        }
        Ok(Fenced {
            after: self,
            fences,
        })
    }

    /// Commits, and then does the work. Nothing the caches say turns what is committed into an
    /// error: it stands in the [`Aftermath`] beside what `commit` brought.
    ///
    /// If `commit` fails, whether something was committed is not known, a connection may have
    /// ended right behind it; so what may have changed is removed, and nothing else is done.
    ///
    /// # Errors
    /// Those of `commit`.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, it goes on in the runtime of the caches, or else in the Tokio
    /// runtime of its caller: a commit is not left without its work. Without either it ends.
    pub async fn commit<T, E>(
        self,
        commit: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<Committed<T>, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        Fenced {
            after: self,
            fences: Vec::new(),
        }
        .commit(commit)
        .await
    }

    /// Does the work: the transaction is committed already. [`commit`](Self::commit) does both,
    /// and both even if its caller goes away.
    pub async fn run(self) -> Aftermath {
        let mut aftermath = Aftermath::default();
        for queue in self.queues {
            queue.run(&mut aftermath).await;
        }
        for other in self.others {
            aftermath.note(other().await);
        }
        aftermath
    }

    /// The same work where it is not known whether anything was committed: what may have changed
    /// is removed, and nothing else is done.
    pub fn doubted(mut self) -> Self {
        for queue in &mut self.queues {
            queue.doubt();
        }
        self.others.clear();
        self
    }

    fn runtime(&self) -> Option<Arc<dyn Runtime>> {
        let own = self.queues.iter().find_map(|queue| queue.runtime());
        own.or_else(|| Some(Arc::new(TokioRuntime::current().ok()?)))
    }

    fn queue<M: CacheModel>(&mut self, cache: &Cache<M>) -> &mut Queue<M> {
        let place = Queue::place_of(cache);
        let at = *self.places.entry(place).or_insert_with(|| {
            self.queues.push(Box::new(Queue::new(cache)));
            self.queues.len() - 1
        });
        let queue: &mut dyn Any = self.queues[at].as_any();
        queue
            .downcast_mut()
            .expect("the place names the type of the model")
    }
}

/// Cache work with its fences up: see [`AfterCommit::fence`].
///
/// Dropped, the fences stay until their lifetime is over.
#[must_use = "dropped, it does nothing, and its fences stay"]
pub struct Fenced {
    after: AfterCommit,
    fences: Vec<Box<dyn Raised>>,
}

impl fmt::Debug for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fenced")
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

impl Fenced {
    /// As [`AfterCommit::commit`]; the fences are lifted behind the commit, before anything is put.
    /// After a commit that failed they are left to end by themselves.
    ///
    /// # Errors
    /// Those of `commit`.
    ///
    /// # Cancel safety
    /// As [`AfterCommit::commit`].
    pub async fn commit<T, E>(
        self,
        commit: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<Committed<T>, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let Self { after, fences } = self;
        let runtime = after.runtime();
        let work = async move {
            match commit.await {
                Ok(value) => {
                    let mut lifted = Aftermath::default();
                    for fence in fences {
                        lifted.note(fence.lift().await);
                    }
                    let mut aftermath = after.run().await;
                    aftermath.failures.extend(lifted.failures);
                    Ok(Committed { value, aftermath })
                }
                Err(error) => {
                    // What comes of it is counted; the caller has an error to look at already.
                    let _ = after.doubted().run().await;
                    Err(error)
                }
            }
        };
        Staying::new(work, runtime).await
    }
}

/// What a committed transaction brought, and what became of the caches behind it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Committed<T> {
    /// What the transaction brought.
    pub value: T,
    /// What became of the caches.
    pub aftermath: Aftermath,
}

impl<T> Committed<T> {
    /// For connections that do the work themselves.
    #[doc(hidden)]
    pub fn from_parts(value: T, aftermath: Aftermath) -> Self {
        Self { value, aftermath }
    }

    /// What the transaction brought, whatever became of the caches: their counters tell.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The same of something made from the value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Committed<U> {
        Committed {
            value: map(self.value),
            aftermath: self.aftermath,
        }
    }
}

impl<T> Deref for Committed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// What became of the caches after a commit. Where something failed, what is cached may be from
/// before the commit until its lifetime is over; `store_failures` of the cache's [`stats`] counts
/// it too.
///
/// [`stats`]: Cache::stats
#[derive(Clone, Debug, Default)]
#[must_use = "failures are told here and nowhere else"]
pub struct Aftermath {
    failures: Vec<Error>,
}

impl Aftermath {
    /// Whether all was done.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// What failed.
    pub fn failures(&self) -> &[Error] {
        &self.failures
    }

    /// The first failure as an error, for those who want to know nothing else.
    ///
    /// # Errors
    /// The first failure.
    pub fn into_result(self) -> Result<()> {
        self.failures.into_iter().next().map_or(Ok(()), Err)
    }

    fn note<T>(&mut self, done: Result<T>) {
        self.failures.extend(done.err());
    }
}
