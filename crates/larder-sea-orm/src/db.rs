//! The connection that knows of the caches.

use std::sync::Arc;
use std::time::Duration;

use larder_core::{AfterCommit, Cache, CacheModel, Committed, Error, Filter, Result, SourcedCache};
use parking_lot::Mutex;
use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    AccessMode, ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DatabaseConnection,
    DbBackend, DbErr, DeleteMany, DeleteResult, EntityTrait, ExecResult, InsertMany,
    IntoActiveModel, IsolationLevel, QueryResult, Statement, TransactionError, TransactionOptions,
    TransactionTrait, UpdateMany, UpdateResult,
};

use crate::entity::{CachedEntity, EntitySource, Key};
use crate::registry::Registry;
use crate::statement::Written;
use crate::transaction::{BoxFuture, CachedTransaction, ModelOf};

/// Puts a [`CachedDb`] together.
#[derive(Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct CachedDbBuilder {
    connection: DatabaseConnection,
    registry: Registry,
    fence: Option<Duration>,
    wrong: Option<Error>,
}

impl CachedDbBuilder {
    /// The rows of this entity are in this cache: what is cached of one is removed once its change
    /// is committed, and loaded again by whoever asks next.
    pub fn cache<E: CachedEntity<M>, M: CacheModel>(self, entity: E, cache: &Cache<M>) -> Self {
        self.add(entity, cache, None)
    }

    /// As [`cache`](Self::cache); but a row that was written is put as it is now, unless the cache
    /// has a later version of it. `build` wants the entity to have a
    /// [version](crate::cached_entity).
    pub fn write_through<E: CachedEntity<M>, M: CacheModel>(
        mut self,
        entity: E,
        cache: &Cache<M>,
    ) -> Self {
        let version = E::version();
        if version.is_none() {
            self.wrong.get_or_insert(
                Error::invalid_config(
                    "to be written through, an entity needs a version: `cached_entity!(.., version = ..)`",
                )
                .with_model(cache.schema().name()),
            );
        }
        self.add(entity, cache, version)
    }

    /// Puts up fences before the rows that a transaction changed, for the time of its commit: if
    /// this program ends between the commit and the removal, those rows stay uncached until
    /// `lifetime` is over, and are right again then. It has to be longer than a commit can take,
    /// and costs each commit two calls of the store.
    ///
    /// Where rows are removed by a filter or by their table there is no fence.
    pub fn fenced(mut self, lifetime: Duration) -> Self {
        self.fence = Some(lifetime);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// `InvalidConfig`: an entity in two caches of one model, one without a version that is to be
    /// written through, or fences that live less than a millisecond.
    pub fn build(self) -> Result<CachedDb> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if self
            .fence
            .is_some_and(|life| life < Duration::from_millis(1))
        {
            return Err(Error::invalid_config(
                "a fence lives at least a millisecond, and longer than a commit takes",
            ));
        }
        Ok(CachedDb {
            connection: self.connection,
            shared: Arc::new(Shared {
                registry: self.registry,
                fence: self.fence,
            }),
        })
    }

    fn add<E: CachedEntity<M>, M: CacheModel>(
        mut self,
        _: E,
        cache: &Cache<M>,
        through: Option<fn(&M) -> u64>,
    ) -> Self {
        if self.registry.cache::<E, M>().is_some() {
            self.wrong.get_or_insert(
                Error::invalid_config("an entity is in one cache of a model, not in two")
                    .with_model(cache.schema().name()),
            );
        }
        self.registry.add::<E, M>(cache, through);
        self
    }
}

/// What all clones and transactions of a connection share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) fence: Option<Duration>,
}

/// A connection to a database that knows what is cached of it. Cloning is cheap.
///
/// Each of its writes is a transaction of its own. Its answer stands in a [`Committed`], beside
/// what became of the caches: that can no longer be an error.
///
/// It is a connection of SeaORM's too; see the [crate](crate) for what is noticed then.
#[derive(Clone, Debug)]
pub struct CachedDb {
    connection: DatabaseConnection,
    shared: Arc<Shared>,
}

impl CachedDb {
    /// Begins to put one together.
    pub fn builder(connection: DatabaseConnection) -> CachedDbBuilder {
        CachedDbBuilder {
            connection,
            registry: Registry::default(),
            fence: None,
            wrong: None,
        }
    }

    /// The connection itself. What is written through it is not noticed.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// The cache of an entity's rows, which loads them from here.
    ///
    /// # Errors
    /// `InvalidConfig` if this was built without it.
    pub fn cached<E: CachedEntity<M>, M: CacheModel>(&self, _: E) -> Result<SourcedCache<M>> {
        let cache = self.shared.registry.cache::<E, M>().ok_or_else(|| {
            Error::invalid_config(
                "this connection was built without a cache of the entity; name it to the builder",
            )
            .with_model(M::NAME)
        })?;
        let source = EntitySource::<E, M>::new(self.connection.clone());
        Ok(cache.sourced(source))
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(&self) -> Result<CachedTransaction, DbErr> {
        self.begin_with_options(TransactionOptions::default()).await
    }

    /// Begins a transaction of its own kind.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_with_options(
        &self,
        options: TransactionOptions,
    ) -> Result<CachedTransaction, DbErr> {
        let transaction = self.connection.begin_with_options(options).await?;
        Ok(CachedTransaction::new(
            Arc::clone(&self.shared),
            transaction,
        ))
    }

    /// Runs `work` in a transaction: committed if it brings something, rolled back if it fails.
    ///
    /// # Errors
    /// `Transaction` with what `work` failed with, `Connection` with what the database says.
    pub async fn transaction<F, T, E>(&self, work: F) -> Result<Committed<T>, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t CachedTransaction) -> BoxFuture<'t, Result<T, E>> + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        let transaction = self.begin().await.map_err(TransactionError::Connection)?;
        transaction.finish(work).await
    }

    /// Inserts a row, as `ActiveModelTrait::insert` does.
    ///
    /// # Errors
    /// Those of the database and of the entity's own hooks; then nothing is committed.
    pub async fn insert<A>(&self, model: A) -> Result<Committed<ModelOf<A>>, DbErr>
    where
        A: ActiveModelBehavior + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let transaction = self.begin().await?;
        let row = transaction.insert(model).await?;
        transaction.commit_with(row).await
    }

    /// Updates a row, as `ActiveModelTrait::update` does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn update<A>(&self, model: A) -> Result<Committed<ModelOf<A>>, DbErr>
    where
        A: ActiveModelBehavior + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let transaction = self.begin().await?;
        let row = transaction.update(model).await?;
        transaction.commit_with(row).await
    }

    /// Updates a row and asks for nothing back, as `ActiveModelTrait::update_without_returning`
    /// does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn update_without_returning<A>(
        &self,
        model: A,
    ) -> Result<Committed<UpdateResult>, DbErr>
    where
        A: ActiveModelBehavior + Send,
    {
        let transaction = self.begin().await?;
        let updated = transaction.update_without_returning(model).await?;
        transaction.commit_with(updated).await
    }

    /// Inserts a row that has no key yet and updates one that has, as `ActiveModelTrait::save`
    /// does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn save<A>(&self, model: A) -> Result<Committed<A>, DbErr>
    where
        A: ActiveModelBehavior + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let transaction = self.begin().await?;
        let model = transaction.save(model).await?;
        transaction.commit_with(model).await
    }

    /// Deletes a row, as `ActiveModelTrait::delete` does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn delete<A>(&self, model: A) -> Result<Committed<DeleteResult>, DbErr>
    where
        A: ActiveModelBehavior + Send,
    {
        let transaction = self.begin().await?;
        let deleted = transaction.delete(model).await?;
        transaction.commit_with(deleted).await
    }

    /// Deletes the row with this key, as `EntityTrait::delete_by_id` does.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn delete_by_id<E: EntityTrait>(
        &self,
        entity: E,
        key: Key<E>,
    ) -> Result<Committed<DeleteResult>, DbErr> {
        let transaction = self.begin().await?;
        let deleted = transaction.delete_by_id(entity, key).await?;
        transaction.commit_with(deleted).await
    }

    /// Inserts rows: `db.insert_many(user::Entity::insert_many(rows))`. See
    /// [`CachedTransaction::insert_many`].
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn insert_many<A>(
        &self,
        insert: InsertMany<A>,
    ) -> Result<Committed<Vec<ModelOf<A>>>, DbErr>
    where
        A: ActiveModelTrait + Send,
        ModelOf<A>: IntoActiveModel<A>,
    {
        let transaction = self.begin().await?;
        let rows = transaction.insert_many(insert).await?;
        transaction.commit_with(rows).await
    }

    /// Updates rows: `db.update_many(user::Entity::update_many().col_expr(..).filter(..))`. See
    /// [`CachedTransaction::update_many`].
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn update_many<E: EntityTrait>(
        &self,
        update: UpdateMany<E>,
    ) -> Result<Committed<UpdateResult>, DbErr> {
        let transaction = self.begin().await?;
        let updated = transaction.update_many(update).await?;
        transaction.commit_with(updated).await
    }

    /// Deletes rows: `db.delete_many(user::Entity::delete_many().filter(..))`. See
    /// [`CachedTransaction::delete_many`].
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn delete_many<E: EntityTrait>(
        &self,
        delete: DeleteMany<E>,
    ) -> Result<Committed<DeleteResult>, DbErr> {
        let transaction = self.begin().await?;
        let deleted = transaction.delete_many(delete).await?;
        transaction.commit_with(deleted).await
    }

    /// Removes what the filter means from the cache of an entity, now: for rows that were written
    /// past this connection. Name what they were and what they are.
    ///
    /// # Errors
    /// `InvalidConfig` if this was built without the cache; those of [`Cache::invalidate_where`].
    pub async fn invalidate_where<E: CachedEntity<M>, M: CacheModel>(
        &self,
        entity: E,
        filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    ) -> Result<u64> {
        self.cached::<E, M>(entity)?.invalidate_where(filter).await
    }

    /// Runs a statement of which its text alone is known.
    async fn raw<T, Fut>(
        &self,
        sql: &str,
        run: impl FnOnce(DatabaseConnection) -> Fut,
    ) -> Result<T, DbErr>
    where
        Fut: Future<Output = Result<T, DbErr>> + Send + 'static,
        T: Send + 'static,
    {
        let mut after = AfterCommit::new();
        let registry = &self.shared.registry;
        registry.clear_written(&mut after, &Written::by(sql));
        let done = run(self.connection.clone());
        if after.is_empty() {
            return done.await;
        }
        after.commit(done).await.map(Committed::into_value)
    }
}

/// What is written so is known by its table alone, and all that is cached of that is removed.
#[async_trait]
impl ConnectionTrait for CachedDb {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let sql = statement.sql.clone();
        self.raw(&sql, |connection| async move {
            connection.execute_raw(statement).await
        })
        .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let text = sql.to_owned();
        self.raw(sql, |connection| async move {
            connection.execute_unprepared(&text).await
        })
        .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let sql = statement.sql.clone();
        self.raw(&sql, |connection| async move {
            connection.query_one_raw(statement).await
        })
        .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let sql = statement.sql.clone();
        self.raw(&sql, |connection| async move {
            connection.query_all_raw(statement).await
        })
        .await
    }

    fn support_returning(&self) -> bool {
        self.connection.support_returning()
    }
}

#[async_trait]
impl TransactionTrait for CachedDb {
    type Transaction = CachedTransaction;

    async fn begin(&self) -> Result<CachedTransaction, DbErr> {
        Self::begin(self).await
    }

    async fn begin_with_config(
        &self,
        isolation_level: Option<IsolationLevel>,
        access_mode: Option<AccessMode>,
    ) -> Result<CachedTransaction, DbErr> {
        self.begin_with_options(TransactionOptions {
            isolation_level,
            access_mode,
            sqlite_transaction_mode: None,
        })
        .await
    }

    async fn begin_with_options(
        &self,
        options: TransactionOptions,
    ) -> Result<CachedTransaction, DbErr> {
        Self::begin_with_options(self, options).await
    }

    async fn transaction<F, T, E>(&self, work: F) -> Result<T, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t CachedTransaction) -> BoxFuture<'t, Result<T, E>> + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        let done = Self::transaction(self, work).await;
        done.map(Committed::into_value)
    }

    async fn transaction_with_config<F, T, E>(
        &self,
        work: F,
        isolation_level: Option<IsolationLevel>,
        access_mode: Option<AccessMode>,
    ) -> Result<T, TransactionError<E>>
    where
        F: for<'t> FnOnce(&'t CachedTransaction) -> BoxFuture<'t, Result<T, E>> + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        let begun = self.begin_with_config(isolation_level, access_mode).await;
        let transaction = begun.map_err(TransactionError::Connection)?;
        transaction.finish(work).await.map(Committed::into_value)
    }
}

/// The work of a transaction; none once it is over.
pub(crate) type Queue = Arc<Mutex<Option<AfterCommit>>>;
