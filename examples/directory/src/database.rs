//! The database: opened, made where there is none, and filled.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use larder::sea_orm::CachedTransaction;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, EntityTrait, Schema,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::people::{Entity, sample};

/// Where the people are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In memory, gone with the program.
    #[default]
    Memory,
    /// In this file, which is made if it is not there.
    File(PathBuf),
}

/// A database with people in it.
#[derive(Clone, Debug)]
pub(crate) struct People {
    pub(crate) connection: DatabaseConnection,
    /// Made up when the database was: what is cached of one is not what is in another.
    pub(crate) identity: i32,
}

/// Opens the database, and fills it with people if it is new.
///
/// # Errors
/// Those of the database.
pub(crate) async fn open(place: &Place) -> Result<People, DbErr> {
    let connection = connect(place).await?;
    let transaction = connection.begin_with_options(writing()).await?;
    let mut identity = user_version(&transaction).await?;
    // Another program may have made it while this one waited for its turn.
    if identity == 0 {
        let table = Schema::new(transaction.get_database_backend());
        let table = table.create_table_from_entity(Entity);
        transaction.execute(&table).await?;
        Entity::insert_many(sample()).exec(&transaction).await?;
        identity = new_identity();
        let identify = format!("PRAGMA user_version = {identity}");
        transaction.execute_unprepared(&identify).await?;
    }
    transaction.commit().await?;
    Ok(People {
        connection,
        identity,
    })
}

async fn connect(place: &Place) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url(place));
    options.sqlx_logging(false);
    match place {
        // A database in memory is its connection's own, so there is one, for good.
        Place::Memory => options
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None),
        Place::File(_) => options.max_connections(4),
    };
    // How long a statement waits for another program's write.
    options.map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(10)));
    let connection = Database::connect(options).await?;
    if let Place::File(_) = place {
        // Readers and a writer do not wait for each other then.
        connection
            .execute_unprepared("PRAGMA journal_mode = WAL")
            .await?;
    }
    Ok(connection)
}

fn url(place: &Place) -> String {
    match place {
        Place::Memory => "sqlite::memory:".to_owned(),
        Place::File(path) => format!("sqlite://{}?mode=rwc", escaped(path)),
    }
}

/// A path as a URL has it, in which `?`, `#` and `%` mean something.
fn escaped(path: &Path) -> String {
    let path = path.to_string_lossy();
    let escape = |c: char| match c {
        '%' => "%25".to_owned(),
        '?' => "%3F".to_owned(),
        '#' => "%23".to_owned(),
        other => other.to_string(),
    };
    path.chars().map(escape).collect()
}

/// A transaction that will write: it waits for its turn at its beginning, where nothing is lost.
pub(crate) fn writing() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

/// The number that SQLite keeps for programs; 0 in a new file.
async fn user_version(connection: &impl ConnectionTrait) -> Result<i32, DbErr> {
    let ask =
        sea_orm::Statement::from_string(connection.get_database_backend(), "PRAGMA user_version");
    let row = connection.query_one_raw(ask).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

/// A number that hardly another database has, and never 0.
fn new_identity() -> i32 {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
    let mixed =
        (since as u64 ^ u64::from(std::process::id()) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    i32::try_from(mixed >> 33).unwrap_or(1).max(1)
}

/// The row with this id, as a transaction sees it.
pub(crate) async fn row(
    transaction: &CachedTransaction,
    id: i64,
) -> Result<Option<crate::people::Model>, DbErr> {
    Entity::find_by_id(id).one(transaction).await
}
