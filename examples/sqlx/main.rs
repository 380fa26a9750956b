//! A cache of rows that sqlx reads and writes: a `Source` to load them from, and an `AfterCommit`
//! for what a transaction changes.
//!
//! `cargo run -p larder-example-sqlx --example sqlx`
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::error::Error;

use larder::{AfterCommit, Cache, CacheModel, EmbeddedStore, RowChange, Source};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{FromRow, QueryBuilder, Row, Sqlite};

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
struct User {
    #[cache(id)]
    id: i64,
    #[cache(text, sort)]
    name: String,
    #[cache(index)]
    team: i64,
}

// Or by `#[derive(FromRow)]`, with a feature of sqlx that takes long to compile.
impl FromRow<'_, SqliteRow> for User {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            team: row.try_get("team")?,
        })
    }
}

/// The table `user`, as the source of what is cached of it.
struct Users(SqlitePool);

impl Source<User> for Users {
    type Error = sqlx::Error;

    async fn load(&self, id: i64) -> Result<Option<User>, sqlx::Error> {
        println!("  (the database is asked for user {id})");
        let user = sqlx::query_as("SELECT id, name, team FROM user WHERE id = ?").bind(id);
        user.fetch_optional(&self.0).await
    }

    async fn load_many(&self, ids: Vec<i64>) -> Result<Vec<User>, sqlx::Error> {
        println!("  (the database is asked for users {ids:?})");
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT id, name, team FROM user WHERE id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id);
        }
        query.push(")");
        query.build_query_as().fetch_all(&self.0).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A database in memory is its connection's own.
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect("sqlite::memory:").await?;
    sqlx::query(
        "CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT NOT NULL, team INTEGER NOT NULL)",
    )
    .execute(&pool)
    .await?;
    for (name, team) in [("joan", 7), ("jim", 7), ("zoe", 9)] {
        let insert = sqlx::query("INSERT INTO user (name, team) VALUES (?, ?)");
        insert.bind(name).bind(team).execute(&pool).await?;
    }

    let store = EmbeddedStore::builder().build()?;
    let users = Cache::<User>::builder(store).build().await?;
    let users = users.sourced(Users(pool.clone()));

    for _ in 0..2 {
        let joan = users.get_or_load(&1).await?;
        println!("user 1: {joan:?}");
    }
    let all = users.get_or_load_many(&[1, 2, 3]).await?;
    println!("in the cache: {}", all.iter().flatten().count());

    // What a transaction changes is told the cache once it is committed.
    let mut transaction = pool.begin().await?;
    let mut after = AfterCommit::new();
    let renamed: User =
        sqlx::query_as("UPDATE user SET name = ? WHERE id = ? RETURNING id, name, team")
            .bind("joanna")
            .bind(1)
            .fetch_one(&mut *transaction)
            .await?;
    after.changed(users.cache(), [RowChange::saved(renamed)]);
    // A statement that names no ids is told by what the rows were, or are.
    sqlx::query("UPDATE user SET team = 8 WHERE team = 9")
        .execute(&mut *transaction)
        .await?;
    after.invalidate_where(users.cache(), |u| u.team.eq(9) | u.team.eq(8));
    let committed = after.commit(transaction.commit()).await?;
    // The rows are written, whatever became of the cache; its failures stand beside.
    println!(
        "committed; the cache is clean: {}",
        committed.aftermath.is_clean()
    );
    println!("user 1: {:?}", users.get_or_load(&1).await?);
    println!("user 2: {:?}", users.get_or_load(&2).await?);

    // What is rolled back leaves no trace: its work is dropped with it.
    let mut transaction = pool.begin().await?;
    let mut after = AfterCommit::new();
    sqlx::query("DELETE FROM user WHERE id = 2")
        .execute(&mut *transaction)
        .await?;
    after.changed(users.cache(), [RowChange::deleted(&2)]);
    transaction.rollback().await?;
    drop(after);
    println!("user 2: {:?}", users.get_or_load(&2).await?);
    Ok(())
}
