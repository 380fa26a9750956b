//! Loads without closures, and what transactions read.

use std::sync::Arc;

use larder::{Cache, Source};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::Semaphore;

use crate::entities::{Person, person};
use crate::world::{World, new, renamed};

pub(crate) async fn loads_need_no_closure(world: World) {
    let joan = world.people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!((&*joan.name, joan.team), ("joan", 7));
    assert_eq!(world.name(99).await, None);
    assert_eq!(world.cached().await, [1]);
    // Past the cache, so that only a reload sees it.
    let sql = "UPDATE person SET name = 'jo' WHERE id = 1";
    world.connection.execute_unprepared(sql).await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("joan"));
    let joan = world.people.reload(&1).await.unwrap().unwrap();
    assert_eq!(joan.name, "jo");
    let all = world.people.reload_many(&[1, 2]).await.unwrap();
    assert_eq!(all.iter().flatten().count(), 2);
}

pub(crate) async fn loads_of_many_ask_for_what_is_missing(world: World) {
    let found = world.people.get_or_load_many(&[3, 99, 1]).await.unwrap();
    let names = found.iter().map(|found| found.as_ref().map(|p| &*p.name));
    assert_eq!(names.collect::<Vec<_>>(), [Some("zoe"), None, Some("joan")]);
    // More than one statement asks for.
    let ids: Vec<i32> = (1..=2_500).collect();
    let found = world.people.get_or_load_many(&ids).await.unwrap();
    assert_eq!(found.len(), 2_500);
    assert_eq!(found.iter().flatten().count(), 3);
}

pub(crate) async fn a_clean_transaction_reads_the_cache(world: World) {
    world.people.get_or_load(&1).await.unwrap();
    // Past the cache, so that it tells where the answer is from.
    let sql = "UPDATE person SET name = name || '!'";
    world.connection.execute_unprepared(sql).await.unwrap();
    let transaction = world.db.begin().await.unwrap();
    let joan: Option<Arc<Person>> = transaction.get_or_load(person::Entity, &1).await.unwrap();
    assert_eq!(joan.unwrap().name, "joan");
    let found = transaction
        .get_or_load_many(person::Entity, &[1, 2, 99])
        .await;
    let found: Vec<Option<Arc<Person>>> = found.unwrap();
    let names = found.iter().map(|found| found.as_ref().map(|p| &*p.name));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [Some("joan"), Some("jim!"), None]
    );
    assert!(!transaction.is_dirty());
    transaction.rollback().await.unwrap();
    // A transaction may see what is over: it fills nothing.
    assert_eq!(world.cached().await, [1]);
}

pub(crate) async fn a_dirty_transaction_reads_itself_and_fills_nothing(world: World) {
    world.people.get_or_load(&1).await.unwrap();
    let transaction = world.db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    transaction.update(renamed(2, "jimmy", 2)).await.unwrap();
    let found = transaction.get_or_load_many(person::Entity, &[1, 2]).await;
    let found: Vec<Option<Arc<Person>>> = found.unwrap();
    let names: Vec<&str> = found.iter().flatten().map(|p| &*p.name).collect();
    assert_eq!(names, ["jo", "jimmy"]);
    let one: Option<Arc<Person>> = transaction.get_or_load(person::Entity, &2).await.unwrap();
    assert_eq!(one.unwrap().name, "jimmy");
    // The others see what was before, and what is cached is that.
    assert_eq!(world.name(1).await.as_deref(), Some("joan"));
    assert_eq!(world.cached().await, [1]);
    transaction.rollback().await.unwrap();
    assert_eq!(world.name(2).await.as_deref(), Some("jim"));
}

pub(crate) async fn a_dirty_savepoint_makes_its_transaction_dirty(world: World) {
    world.people.get_or_load(&1).await.unwrap();
    let transaction = world.db.begin().await.unwrap();
    let savepoint = transaction.begin().await.unwrap();
    let sql = "UPDATE person SET name = 'jo' WHERE id = 1";
    savepoint
        .connection()
        .execute_unprepared(sql)
        .await
        .unwrap();
    savepoint
        .invalidate_where::<_, Person>(person::Entity, |p| p.name.eq("joan"))
        .unwrap();
    savepoint.commit().await.unwrap();
    let joan: Option<Arc<Person>> = transaction.get_or_load(person::Entity, &1).await.unwrap();
    assert_eq!(joan.unwrap().name, "jo");
    transaction.insert(new("joe")).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(world.cached().await.is_empty());
}

/// A source that waits behind the question until it is let go.
struct Slow {
    rows: larder::sea_orm::EntitySource<person::Entity, Person>,
    has_asked: Arc<Semaphore>,
    may_answer: Arc<Semaphore>,
}

impl Source<Person> for Slow {
    type Error = DbErr;

    async fn load(&self, id: i32) -> Result<Option<Person>, DbErr> {
        let row = self.rows.load(id).await;
        self.has_asked.add_permits(1);
        self.may_answer.acquire().await.unwrap().forget();
        row
    }

    async fn load_many(&self, ids: Vec<i32>) -> Result<Vec<Person>, DbErr> {
        self.rows.load_many(ids).await
    }
}

pub(crate) async fn a_load_that_a_commit_overtakes_is_not_stored(world: World) {
    let [has_asked, may_answer] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
    let cache: Cache<Person> = world.people.cache().clone();
    let slow = cache.sourced(Slow {
        rows: larder::sea_orm::EntitySource::new(world.connection.clone()),
        has_asked: Arc::clone(&has_asked),
        may_answer: Arc::clone(&may_answer),
    });
    let load = tokio::spawn(async move { slow.get_or_load(&1).await });
    has_asked.acquire().await.unwrap().forget();
    world.db.update(renamed(1, "jo", 2)).await.unwrap();
    may_answer.add_permits(1);
    let loaded = load.await.unwrap().unwrap().unwrap();
    assert_eq!(loaded.name, "joan");
    assert!(world.cached().await.is_empty());
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}
