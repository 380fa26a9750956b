//! Transactions that keep the work of caches until they are committed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::{AfterCommit, CacheModel, Committed, Error, Filter, IdLike, RowChange};
use parking_lot::Mutex;
use sea_orm::prelude::async_trait::async_trait;
use sea_orm::sea_query::IntoValueTuple;
use sea_orm::{
    AccessMode, ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DatabaseTransaction,
    DbBackend, DbErr, DeleteMany, DeleteResult, EntityTrait, ExecResult, IdenStatic, InsertMany,
    IntoActiveModel, IsolationLevel, Iterable, PrimaryKeyToColumn, QueryResult, QueryTrait,
    Statement, TransactionError, TransactionOptions, TransactionSession, TransactionTrait,
    UpdateMany, UpdateResult,
};

use crate::db::{Queue, Shared};
use crate::entity::{self, CachedEntity, Key};
use crate::registry::Watch;
use crate::statement::Written;

/// A future whose type is forgotten.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The row that an active model is of.
pub type ModelOf<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;

/// A transaction, or a savepoint in one, that keeps the work of caches until it is committed.
///
/// Dropped unfinished it is rolled back, and its work forgotten. What it does to the caches, when,
/// and what reads within it see, the [crate](crate) says.
#[derive(Debug)]
pub struct CachedTransaction {
    shared: Arc<Shared>,
    transaction: DatabaseTransaction,
    queue: Queue,
    /// That of the transaction this is a savepoint in.
    parent: Option<Queue>,
    /// Whether this, or what it is in, or a savepoint of either has written anything.
    dirty: Arc<AtomicBool>,
}

impl CachedTransaction {
    pub(crate) fn new(shared: Arc<Shared>, transaction: DatabaseTransaction) -> Self {
        Self {
            shared,
            transaction,
            queue: Arc::new(Mutex::new(Some(AfterCommit::new()))),
            parent: None,
            dirty: Arc::default(),
        }
    }

    /// The transaction itself. What is written through it is not noticed, so that reads within
    /// this bypass the caches from now on; tell what was written by
    /// [`invalidate_where`](Self::invalidate_where).
    pub fn connection(&self) -> &DatabaseTransaction {
        self.soil();
        &self.transaction
    }

    /// Whether anything was written, so that reads bypass the caches.
    pub fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    /// Sets a savepoint: what is done after it can be rolled back alone. Committing it releases
    /// it, and what it did to the caches waits for this transaction's commit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(&self) -> Result<Self, DbErr> {
        self.begin_with_options(TransactionOptions::default()).await
    }

    /// Sets a savepoint.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_with_options(&self, options: TransactionOptions) -> Result<Self, DbErr> {
        Ok(Self {
            shared: Arc::clone(&self.shared),
            transaction: self.transaction.begin_with_options(options).await?,
            queue: Arc::new(Mutex::new(Some(AfterCommit::new()))),
            parent: Some(Arc::clone(&self.queue)),
            dirty: Arc::clone(&self.dirty),
        })
    }

    /// Runs `work` in a savepoint: released if it brings something, rolled back to if it fails.
    ///
    /// # Errors
    /// `Transaction` with what `work` failed with, `Connection` with what the database says.
    pub async fn transaction<F, T, E>(&self, work: F) -> Result<T, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t Self) -> BoxFuture<'t, Result<T, E>> + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        let savepoint = self.begin().await.map_err(TransactionError::Connection)?;
        savepoint.finish(work).await.map(Committed::into_value)
    }

    /// Commits, and then does the work of the caches; of a savepoint, releases it.
    ///
    /// # Errors
    /// Those of the database: whether it committed is not known then, and what may have changed is
    /// removed from the caches. `DbErr::Custom` if the fences could not be put up: then it is
    /// rolled back. What the caches say afterwards is no error, but stands in what is returned.
    ///
    /// # Cancel safety
    /// Once the commit has begun, it and the work behind it go on in the Tokio runtime of the
    /// caller if the caller is dropped.
    pub async fn commit(self) -> Result<Committed<()>, DbErr> {
        let Self {
            shared,
            transaction,
            queue,
            parent,
            ..
        } = self;
        let after = queue.lock().take().unwrap_or_default();
        if let Some(parent) = parent {
            let joining = Joining {
                after: Some(after),
                parent,
            };
            transaction.commit().await?;
            return Ok(Committed::from_parts((), joining.join().await));
        }
        match shared.fence {
            Some(lifetime) => {
                let fenced = after.fence(lifetime).await.map_err(unfenced)?;
                fenced.commit(transaction.commit()).await
            }
            None => after.commit(transaction.commit()).await,
        }
    }

    /// Rolls back, and forgets the work of the caches.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rollback(self) -> Result<(), DbErr> {
        let Self {
            transaction,
            queue,
            parent,
            ..
        } = self;
        let after = queue.lock().take().unwrap_or_default();
        let rolled_back = transaction.rollback().await;
        if rolled_back.is_err()
            && let Some(parent) = parent
        {
            // The transaction around it may go on with what was not taken back.
            drop(Joining {
                after: Some(after),
                parent,
            });
        }
        rolled_back
    }

    pub(crate) async fn commit_with<T>(self, value: T) -> Result<Committed<T>, DbErr> {
        let committed = self.commit().await?;
        Ok(committed.map(|()| value))
    }

    /// Runs work in this, and ends it.
    pub(crate) async fn finish<F, T, E>(self, work: F) -> Result<Committed<T>, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t Self) -> BoxFuture<'t, Result<T, E>> + Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        match work(&self).await {
            Ok(value) => {
                let committed = self.commit_with(value).await;
                committed.map_err(TransactionError::Connection)
            }
            Err(error) => {
                let rolled_back = self.rollback().await;
                rolled_back.map_err(TransactionError::Connection)?;
                Err(TransactionError::Transaction(error))
            }
        }
    }

    /// Inserts a row, as `ActiveModelTrait::insert` does.
    ///
    /// # Errors
    /// Those of the database and of the entity's own hooks.
    pub async fn insert<A>(&self, model: A) -> Result<ModelOf<A>, DbErr>
    where
        A: ActiveModelBehavior + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let model = A::before_save(model, self, true).await?;
        let unsure = self.unsure::<A::Entity>();
        let inserted = A::Entity::insert(model).exec_with_returning(&self.transaction);
        let row = unsure.settle(inserted.await, |watch, queue, row| {
            watch.inserted(queue, row);
        })?;
        A::after_save(row, self, true).await
    }

    /// Updates a row, as `ActiveModelTrait::update` does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); `RecordNotUpdated` if it is not there.
    pub async fn update<A>(&self, model: A) -> Result<ModelOf<A>, DbErr>
    where
        A: ActiveModelBehavior + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let model = A::before_save(model, self, false).await?;
        let unsure = self.unsure::<A::Entity>();
        let updated = A::Entity::update(model).exec(&self.transaction).await;
        let row = unsure.settle(updated, |watch, queue, row| watch.saved(queue, row))?;
        A::after_save(row, self, false).await
    }

    /// Updates a row and asks for nothing back, as `ActiveModelTrait::update_without_returning`
    /// does.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn update_without_returning<A>(&self, model: A) -> Result<UpdateResult, DbErr>
    where
        A: ActiveModelBehavior + Send,
    {
        let model = A::before_save(model, self, false).await?;
        let key = model.get_primary_key_value();
        let unsure = self.unsure::<A::Entity>();
        let update = A::Entity::update(model);
        let updated = update.exec_without_returning(&self.transaction).await;
        unsure.settle(updated, |watch, queue, _| {
            if let Some(key) = key.clone() {
                watch.changed(queue, key);
            }
        })
    }

    /// Inserts a row that has no key yet and updates one that has, as `ActiveModelTrait::save`
    /// does.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn save<A>(&self, model: A) -> Result<A, DbErr>
    where
        A: ActiveModelBehavior + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let row = match model.get_primary_key_value() {
            None => self.insert(model).await?,
            Some(_) => self.update(model).await?,
        };
        Ok(row.into_active_model())
    }

    /// Deletes a row, as `ActiveModelTrait::delete` does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn delete<A>(&self, model: A) -> Result<DeleteResult, DbErr>
    where
        A: ActiveModelBehavior + Send,
    {
        let model = A::before_delete(model, self).await?;
        let key = model.get_primary_key_value();
        let unsure = self.unsure::<A::Entity>();
        let delete = A::Entity::delete(model.clone());
        let deleted = if self.transaction.support_returning() {
            let deleted = delete.exec_with_returning(&self.transaction).await;
            unsure
                .settle(deleted, |watch, queue, row| match (row, &key) {
                    (Some(row), _) => watch.deleted(queue, row),
                    (None, Some(key)) => watch.changed(queue, key.clone()),
                    (None, None) => {}
                })
                .map(|row| deleted_rows(usize::from(row.is_some())))
        } else {
            let deleted = delete.exec(&self.transaction).await;
            unsure.settle(deleted, |watch, queue, _| {
                if let Some(key) = key.clone() {
                    watch.changed(queue, key);
                }
            })
        }?;
        A::after_delete(model, self).await?;
        Ok(deleted)
    }

    /// Deletes the row with this key, as `EntityTrait::delete_by_id` does.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete_by_id<E: EntityTrait>(
        &self,
        _: E,
        key: Key<E>,
    ) -> Result<DeleteResult, DbErr> {
        let key = key.into_value_tuple();
        let unsure = self.unsure::<E>();
        let delete = E::delete_many().filter_by_value_tuples(
            std::slice::from_ref(&key),
            self.transaction.get_database_backend(),
        );
        if self.transaction.support_returning() {
            let deleted = delete.exec_with_returning(&self.transaction).await;
            unsure
                .settle(deleted, |watch, queue, rows| {
                    watch.changed(queue, key.clone());
                    for row in rows {
                        watch.deleted(queue, row);
                    }
                })
                .map(|rows| deleted_rows(rows.len()))
        } else {
            let deleted = delete.exec(&self.transaction).await;
            unsure.settle(deleted, |watch, queue, _| watch.changed(queue, key.clone()))
        }
    }

    /// Inserts rows: `transaction.insert_many(user::Entity::insert_many(rows))`, with what is to
    /// be done on conflict. Brings the rows that were written.
    ///
    /// # Errors
    /// Those of the database; `BackendNotSupported` where it cannot say which rows it wrote. There
    /// `user::Entity::insert_many(rows).exec(&transaction)` does it, and all that is cached of the
    /// entity is removed.
    pub async fn insert_many<A>(&self, insert: InsertMany<A>) -> Result<Vec<ModelOf<A>>, DbErr>
    where
        A: ActiveModelTrait + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let unsure = self.unsure::<A::Entity>();
        let inserted = insert.exec_with_returning(&self.transaction).await;
        unsure.settle(inserted, |watch, queue, rows| {
            // On conflict a row may have been there before.
            for row in rows {
                watch.saved(queue, row);
            }
        })
    }

    /// Updates rows: `transaction.update_many(user::Entity::update_many().col_expr(..).filter(..))`.
    /// The database says which rows those were; where it cannot, or where their keys were
    /// changed, all that is cached of the entity is removed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn update_many<E: EntityTrait>(
        &self,
        update: UpdateMany<E>,
    ) -> Result<UpdateResult, DbErr> {
        let unsure = self.unsure::<E>();
        let changed = update.as_query().get_values();
        let changes_keys = E::PrimaryKey::iter().any(|key| {
            let column = key.into_column();
            let mut changed = changed.iter();
            changed.any(|(name, _)| name.to_string() == column.as_str())
        });
        if changes_keys || !self.transaction.support_returning() {
            // What is unsure stays so, and goes.
            return update.exec(&self.transaction).await;
        }
        let updated = update.exec_with_returning(&self.transaction).await;
        let rows = unsure.settle(updated, |watch, queue, rows| {
            for row in rows {
                watch.saved(queue, row);
            }
        })?;
        let mut result = UpdateResult::default();
        result.rows_affected = rows.len() as u64;
        Ok(result)
    }

    /// Deletes rows: `transaction.delete_many(user::Entity::delete_many().filter(..))`. The
    /// database says which rows those were; where it cannot, all that is cached of the entity is
    /// removed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete_many<E: EntityTrait>(
        &self,
        delete: DeleteMany<E>,
    ) -> Result<DeleteResult, DbErr> {
        let unsure = self.unsure::<E>();
        if !self.transaction.support_returning() {
            return delete.exec(&self.transaction).await;
        }
        let deleted = delete.exec_with_returning(&self.transaction).await;
        let rows = unsure.settle(deleted, |watch, queue, rows| {
            for row in rows {
                watch.deleted(queue, row);
            }
        })?;
        Ok(deleted_rows(rows.len()))
    }

    /// What the filter means is removed from the cache of an entity after the commit: for rows
    /// that were written past this, in plain SQL say. Name what they were and what they are.
    ///
    /// # Errors
    /// `InvalidConfig` if the connection was built without the cache.
    pub fn invalidate_where<E: CachedEntity<M>, M: CacheModel>(
        &self,
        _: E,
        filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    ) -> larder_core::Result<()> {
        let cache = self.cache_of::<E, M>()?;
        self.soil();
        self.enqueue(|queue| queue.invalidate_where(cache, filter));
        Ok(())
    }

    /// Rows of an entity were changed past this, in plain SQL say: what is cached of them is
    /// removed after the commit.
    ///
    /// # Errors
    /// `InvalidConfig` if the connection was built without the cache.
    pub fn changed<E: CachedEntity<M>, M: CacheModel>(
        &self,
        _: E,
        changes: impl IntoIterator<Item = RowChange<M>>,
    ) -> larder_core::Result<()> {
        let cache = self.cache_of::<E, M>()?;
        self.soil();
        self.enqueue(|queue| queue.changed(cache, changes));
        Ok(())
    }

    /// What is cached of the row with this id, or else the row as this transaction sees it. Once
    /// it has written anything it sees nothing else. Nothing is stored.
    ///
    /// # Errors
    /// Those of the database. A cache that cannot be asked is passed by.
    pub async fn get_or_load<E, M, Q>(&self, _: E, id: &Q) -> Result<Option<Arc<M>>, DbErr>
    where
        E: CachedEntity<M>,
        M: CacheModel,
        Q: IdLike<M::Id> + ?Sized + Sync,
    {
        use larder_core::Id as _;

        if let Some(found) = self.hit::<E, M, Q>(id).await {
            return Ok(Some(found));
        }
        let Some(id) = M::Id::from_key(&id.key()) else {
            return Ok(None);
        };
        let row = entity::one::<E, M, _>(id, &self.transaction).await?;
        Ok(row.map(Arc::new))
    }

    /// As [`get_or_load`](Self::get_or_load), of several rows, in the order asked.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_load_many<E, M>(
        &self,
        _: E,
        ids: &[M::Id],
    ) -> Result<Vec<Option<Arc<M>>>, DbErr>
    where
        E: CachedEntity<M>,
        M: CacheModel,
    {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push(self.hit::<E, M, M::Id>(id).await);
        }
        let missing = ids.iter().zip(&found);
        let missing = missing.filter(|(_, found)| found.is_none());
        let missing: Vec<M::Id> = missing.map(|(id, _)| id.clone()).collect();
        let rows = entity::many::<E, M, _>(missing, &self.transaction).await?;
        let rows: Vec<Arc<M>> = rows.into_iter().map(Arc::new).collect();
        for (id, found) in ids.iter().zip(&mut found) {
            if found.is_none() {
                *found = rows.iter().find(|row| row.id() == *id).cloned();
            }
        }
        Ok(found)
    }

    /// What the cache has, where it may be asked.
    async fn hit<E, M, Q>(&self, id: &Q) -> Option<Arc<M>>
    where
        E: CachedEntity<M>,
        M: CacheModel,
        Q: IdLike<M::Id> + ?Sized + Sync,
    {
        if self.is_dirty() {
            return None;
        }
        let cache = self.shared.registry.cache::<E, M>()?;
        let found = cache.get(id).await.ok().flatten();
        // It may have been written meanwhile.
        found.filter(|_| !self.is_dirty())
    }

    fn cache_of<E: CachedEntity<M>, M: CacheModel>(
        &self,
    ) -> larder_core::Result<&larder_core::Cache<M>> {
        self.shared.registry.cache::<E, M>().ok_or_else(|| {
            Error::invalid_config(
                "this connection was built without a cache of the entity; name it to the builder",
            )
            .with_model(M::NAME)
        })
    }

    fn soil(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    fn enqueue(&self, work: impl FnOnce(&mut AfterCommit)) {
        if let Some(queue) = &mut *self.queue.lock() {
            work(queue);
        }
    }

    /// From here on rows of this entity may have been written, whoever goes away.
    fn unsure<E: EntityTrait>(&self) -> Unsure<'_, E> {
        self.soil();
        Unsure {
            transaction: self,
            settled: false,
            entity: std::marker::PhantomData,
        }
    }

    /// Notes what a statement writes of which its text alone is known.
    fn note(&self, sql: &str) {
        let written = Written::by(sql);
        if written != Written::Nothing {
            self.soil();
            self.enqueue(|queue| self.shared.registry.clear_written(queue, &written));
        }
    }
}

/// As many rows were deleted.
fn deleted_rows(count: usize) -> DeleteResult {
    let mut result = DeleteResult::empty();
    result.rows_affected = count as u64;
    result
}

fn unfenced(error: Error) -> DbErr {
    DbErr::Custom(format!(
        "nothing was committed, since no fence could be put up before the cached rows: {error}"
    ))
}

/// A statement under way. Until it is settled nobody knows what it wrote, and all that is cached
/// of the entity is to be removed.
struct Unsure<'a, E: EntityTrait> {
    transaction: &'a CachedTransaction,
    settled: bool,
    entity: std::marker::PhantomData<E>,
}

impl<E: EntityTrait> Unsure<'_, E> {
    /// Notes what the statement wrote, if that is known.
    fn settle<T>(
        mut self,
        done: Result<T, DbErr>,
        note: impl Fn(&dyn Watch<E>, &mut AfterCommit, &T),
    ) -> Result<T, DbErr> {
        let transaction = self.transaction;
        match &done {
            Ok(done) => {
                transaction.enqueue(|queue| {
                    for watch in transaction.shared.registry.of::<E>() {
                        note(watch, queue, done);
                    }
                });
                self.settled = true;
            }
            Err(error) => self.settled = wrote_nothing(error),
        }
        done
    }
}

impl<E: EntityTrait> Drop for Unsure<'_, E> {
    fn drop(&mut self) {
        if !self.settled {
            let transaction = self.transaction;
            transaction.enqueue(|queue| transaction.shared.registry.clear::<E>(queue));
        }
    }
}

/// Whether a statement that failed so has written nothing. Of any other error it is not known:
/// rows may have been written and then not understood.
fn wrote_nothing(error: &DbErr) -> bool {
    error.sql_err().is_some()
        || matches!(
            error,
            DbErr::RecordNotInserted
                | DbErr::RecordNotUpdated
                | DbErr::PrimaryKeyNotSet { .. }
                | DbErr::UpdateGetPrimaryKey
                | DbErr::BackendNotSupported { .. }
        )
}

/// The work of a savepoint on its way to the transaction around it. Dropped on the way, whether
/// the savepoint was released is not known.
struct Joining {
    after: Option<AfterCommit>,
    parent: Queue,
}

impl Joining {
    async fn join(mut self) -> larder_core::Aftermath {
        let Some(after) = self.after.take() else {
            return larder_core::Aftermath::default();
        };
        {
            let mut parent = self.parent.lock();
            if let Some(parent) = &mut *parent {
                parent.join(after);
                return larder_core::Aftermath::default();
            }
        }
        // The transaction around it ended first; whether with this in it, it does not say.
        after.doubted().run().await
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        if let (Some(after), Some(parent)) = (self.after.take(), &mut *self.parent.lock()) {
            parent.join(after.doubted());
        }
    }
}

/// What is written so is known by its table alone, and all that is cached of that is removed.
#[async_trait]
impl ConnectionTrait for CachedTransaction {
    fn get_database_backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.note(&statement.sql);
        self.transaction.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.note(sql);
        self.transaction.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.note(&statement.sql);
        self.transaction.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.note(&statement.sql);
        self.transaction.query_all_raw(statement).await
    }

    fn support_returning(&self) -> bool {
        self.transaction.support_returning()
    }
}

#[async_trait]
impl TransactionSession for CachedTransaction {
    async fn commit(self) -> Result<(), DbErr> {
        Self::commit(self).await.map(Committed::into_value)
    }

    async fn rollback(self) -> Result<(), DbErr> {
        Self::rollback(self).await
    }
}

#[async_trait]
impl TransactionTrait for CachedTransaction {
    type Transaction = Self;

    async fn begin(&self) -> Result<Self, DbErr> {
        Self::begin(self).await
    }

    async fn begin_with_config(
        &self,
        isolation_level: Option<IsolationLevel>,
        access_mode: Option<AccessMode>,
    ) -> Result<Self, DbErr> {
        Self::begin_with_options(
            self,
            TransactionOptions {
                isolation_level,
                access_mode,
                sqlite_transaction_mode: None,
            },
        )
        .await
    }

    async fn begin_with_options(&self, options: TransactionOptions) -> Result<Self, DbErr> {
        Self::begin_with_options(self, options).await
    }

    async fn transaction<F, T, E>(&self, work: F) -> Result<T, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t Self) -> BoxFuture<'t, Result<T, E>> + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        Self::transaction(self, work).await
    }

    async fn transaction_with_config<F, T, E>(
        &self,
        work: F,
        isolation_level: Option<IsolationLevel>,
        access_mode: Option<AccessMode>,
    ) -> Result<T, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t Self) -> BoxFuture<'t, Result<T, E>> + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        let begun = self.begin_with_config(isolation_level, access_mode).await;
        let savepoint = begun.map_err(TransactionError::Connection)?;
        savepoint.finish(work).await.map(Committed::into_value)
    }
}
