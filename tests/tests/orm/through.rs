//! Writing through, by versions.

use larder::{AfterCommit, ErrorKind, RowChange};
use sea_orm::ActiveValue::Set;

use crate::entities::{Person, person};
use crate::world::{World, new, renamed};

fn joan(name: &str, version: i64) -> Person {
    Person {
        id: 1,
        name: name.to_owned(),
        team: 7,
        version,
    }
}

pub(crate) async fn a_write_is_in_the_cache_after_its_commit(world: World) {
    let world = world.through().await;
    world.db.insert(new("joe")).await.unwrap();
    let transaction = world.db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    assert_eq!(world.cached().await, [4]);
    transaction.commit().await.unwrap();
    assert_eq!(world.cached().await, [1, 4]);
    let cached = world.people.get(&1).await.unwrap().unwrap();
    assert_eq!(*cached, joan("jo", 2));
    world.db.delete_by_id(person::Entity, 4).await.unwrap();
    assert_eq!(world.cached().await, [1]);
}

pub(crate) async fn a_rollback_puts_nothing(world: World) {
    let world = world.through().await;
    let transaction = world.db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    let savepoint = transaction.begin().await.unwrap();
    savepoint.update(renamed(2, "jimmy", 2)).await.unwrap();
    savepoint.commit().await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(world.cached().await.is_empty());
}

pub(crate) async fn the_last_of_several_writes_is_put(world: World) {
    let world = world.through().await;
    let transaction = world.db.begin().await.unwrap();
    for (version, name) in [(2, "jo"), (3, "jojo"), (4, "joanna")] {
        transaction.update(renamed(1, name, version)).await.unwrap();
    }
    transaction.insert(new("joe")).await.unwrap();
    transaction.delete_by_id(person::Entity, 4).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(world.cached().await, [1]);
    assert_eq!(world.name(1).await.as_deref(), Some("joanna"));
}

/// What was loaded has its version too.
pub(crate) async fn an_older_write_that_is_late_changes_nothing(world: World) {
    let world = world.through().await;
    world.db.update(renamed(1, "jo", 5)).await.unwrap();
    let mut late = AfterCommit::new();
    late.put_if_newer(world.people.cache(), joan("old", 4), 4);
    assert!(late.run().await.is_clean());
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));

    world.people.remove(&1).await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
    let mut late = AfterCommit::new();
    late.put_if_newer(world.people.cache(), joan("old", 4), 4);
    assert!(late.run().await.is_clean());
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}

pub(crate) async fn a_deleted_row_does_not_come_back(world: World) {
    let world = world.through().await;
    world.db.update(renamed(1, "jo", 5)).await.unwrap();
    world.db.delete_by_id(person::Entity, 1).await.unwrap();
    let mut late = AfterCommit::new();
    late.put_if_newer(world.people.cache(), joan("old", 4), 4);
    assert!(late.run().await.is_clean());
    assert_eq!(world.name(1).await, None);
}

/// The versions of a row that comes back under its id begin anew.
pub(crate) async fn a_row_that_comes_back_is_not_what_it_was(world: World) {
    let world = world.through().await;
    world.db.update(renamed(1, "jo", 5)).await.unwrap();
    let transaction = world.db.begin().await.unwrap();
    transaction.delete_by_id(person::Entity, 1).await.unwrap();
    let mut again = new("john");
    again.id = Set(1);
    transaction.insert(again).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("john"));
}

pub(crate) async fn what_the_cache_refuses_is_removed(world: World) {
    let world = world.through().await;
    world.warm().await;
    let updated = world.db.update(renamed(1, "unwelcome", 2)).await.unwrap();
    let failures = updated.aftermath.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].kind(), ErrorKind::InvalidModel);
    assert_eq!(world.cached().await, [2, 3]);

    // And removals never make a row of what is put.
    let mut work = AfterCommit::new();
    work.put_if_newer(world.people.cache(), joan("jo", 9), 9);
    work.changed(world.people.cache(), [RowChange::deleted(&1)]);
    assert!(work.run().await.is_clean());
    assert_eq!(world.cached().await, [2, 3]);
}
