//! A database with a few rows, and caches of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use larder::sea_orm::{CachedDb, CachedDbBuilder};
use larder::{Cache, EmbeddedStore, SourcedCache, Store};
use larder_testkit::EncodedStore;
use larder_testkit::server::{self, offline};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, EntityTrait, Schema};

use crate::entities::{Account, Member, Person, Tag, account, member, person, tag};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kept {
    /// In this process.
    Embedded,
    /// As bytes, with leases, as other programs would share it.
    Shared,
}

pub(crate) struct World {
    /// Past all caches.
    pub(crate) connection: DatabaseConnection,
    pub(crate) store: Store,
    pub(crate) db: CachedDb,
    pub(crate) people: SourcedCache<Person>,
    pub(crate) members: SourcedCache<Member>,
    pub(crate) tags: SourcedCache<Tag>,
    pub(crate) accounts: SourcedCache<Account>,
}

/// A file for a database, with what a former run left removed.
pub(crate) fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("orm-{name}.sqlite"));
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut left = path.clone().into_os_string();
        left.push(ending);
        // It may be that none was left.
        let _ = std::fs::remove_file(left);
    }
    path
}

pub(crate) async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false);
    // On a machine that does much else, a lock may be held for long.
    options.acquire_timeout(Duration::from_secs(60));
    sea_orm::Database::connect(options).await.unwrap()
}

/// Makes the tables, and a few people: 1 joan, 2 jim and 3 zoe, the first two of team 7.
pub(crate) async fn populate(connection: &DatabaseConnection) {
    let schema = Schema::new(connection.get_database_backend());
    for table in [
        schema.create_table_from_entity(person::Entity),
        schema.create_table_from_entity(member::Entity),
        schema.create_table_from_entity(tag::Entity),
        schema.create_table_from_entity(account::Entity),
    ] {
        connection.execute(&table).await.unwrap();
    }
    let people = [("joan", 7), ("jim", 7), ("zoe", 9)];
    let people = people.map(|(name, team)| person::ActiveModel {
        name: Set(name.to_owned()),
        team: Set(team),
        version: Set(1),
        ..Default::default()
    });
    let inserted = person::Entity::insert_many(people).exec(connection).await;
    inserted.unwrap();
}

impl World {
    /// `None` where servers are left out.
    pub(crate) async fn open(database: Database, kept: Kept, name: &str) -> Option<Self> {
        let url = match database {
            Database::Sqlite => format!("sqlite://{}?mode=rwc", file(name).display()),
            Database::Postgres if offline(name) => return None,
            Database::Postgres => {
                // Names longer than 63 letters are cut.
                static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
                let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let create =
                    move || server::Postgres::shared().create_database(&format!("world_{number}"));
                tokio::task::spawn_blocking(create).await.unwrap()
            }
        };
        let connection = connect(url).await;
        if database == Database::Sqlite {
            // Readers and a writer do not wait for each other then.
            let wal = connection.execute_unprepared("PRAGMA journal_mode = WAL");
            wal.await.unwrap();
        }
        populate(&connection).await;
        let store: Store = match kept {
            Kept::Embedded => Arc::new(EmbeddedStore::builder().build().unwrap()),
            Kept::Shared => Arc::new(EncodedStore::new(
                larder::SystemClock,
                larder::codec::Postcard,
            )),
        };
        Some(Self::on(connection, store, |builder| builder).await)
    }

    async fn on(
        connection: DatabaseConnection,
        store: Store,
        options: impl FnOnce(CachedDbBuilder) -> CachedDbBuilder,
    ) -> Self {
        let people = Cache::builder(Arc::clone(&store)).build().await.unwrap();
        let builder = CachedDb::builder(connection).cache(person::Entity, &people);
        Self::with(builder, store, options).await
    }

    async fn with(
        builder: CachedDbBuilder,
        store: Store,
        options: impl FnOnce(CachedDbBuilder) -> CachedDbBuilder,
    ) -> Self {
        let members: Cache<Member> = Cache::builder(Arc::clone(&store)).build().await.unwrap();
        let tags: Cache<Tag> = Cache::builder(Arc::clone(&store)).build().await.unwrap();
        let accounts: Cache<Account> = Cache::builder(Arc::clone(&store)).build().await.unwrap();
        let builder = builder
            .cache(member::Entity, &members)
            .cache(tag::Entity, &tags)
            .cache(account::Entity, &accounts);
        let db = options(builder).build().unwrap();
        Self {
            connection: db.connection().clone(),
            store,
            people: db.cached(person::Entity).unwrap(),
            members: db.cached(member::Entity).unwrap(),
            tags: db.cached(tag::Entity).unwrap(),
            accounts: db.cached(account::Entity).unwrap(),
            db,
        }
    }

    /// The same, with fences of this lifetime.
    pub(crate) async fn fenced(self, lifetime: Duration) -> Self {
        Self::on(self.connection, self.store, |builder| {
            builder.fenced(lifetime)
        })
        .await
    }

    /// The same, with people written through.
    pub(crate) async fn through(self) -> Self {
        let people = Cache::builder(Arc::clone(&self.store))
            .build()
            .await
            .unwrap();
        let builder = CachedDb::builder(self.connection).write_through(person::Entity, &people);
        Self::with(builder, self.store, |builder| builder).await
    }

    /// What the cache answers for a person, or the database if it has none.
    pub(crate) async fn name(&self, id: i32) -> Option<String> {
        let person = self.people.get_or_load(&id).await.unwrap();
        person.map(|person| person.name.clone())
    }

    /// Has people 1 to 3 in the cache.
    pub(crate) async fn warm(&self) {
        self.people.get_or_load_many(&[1, 2, 3]).await.unwrap();
        assert_eq!(self.cached().await, [1, 2, 3]);
    }

    /// The ids of the people that are in the cache.
    pub(crate) async fn cached(&self) -> Vec<i32> {
        let all = self.people.all().await.unwrap();
        let mut ids: Vec<i32> = all.iter().map(|person| person.id).collect();
        ids.sort_unstable();
        ids
    }

    /// A person as the database has it, past the cache.
    pub(crate) async fn row(&self, id: i32) -> Option<person::Model> {
        let row = person::Entity::find_by_id(id).one(&self.connection).await;
        row.unwrap()
    }
}

/// A person to be inserted.
pub(crate) fn new(name: &str) -> person::ActiveModel {
    person::ActiveModel {
        name: Set(name.to_owned()),
        team: Set(7),
        version: Set(1),
        ..Default::default()
    }
}

/// A person to be renamed, at its next version.
pub(crate) fn renamed(id: i32, name: &str, version: i64) -> person::ActiveModel {
    person::ActiveModel {
        id: Set(id),
        name: Set(name.to_owned()),
        version: Set(version),
        ..Default::default()
    }
}
