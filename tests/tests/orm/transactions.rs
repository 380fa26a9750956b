//! What waits for a commit, and what is forgotten.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use larder::{Error, ErrorKind, RowChange};
use sea_orm::{ConnectionTrait, DbErr, TransactionError, TransactionTrait};

use crate::entities::{Person, person};
use crate::world::{World, new, renamed};

pub(crate) async fn nothing_is_removed_before_the_commit(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    assert!(!transaction.is_dirty());
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    transaction.delete_by_id(person::Entity, 2).await.unwrap();
    assert!(transaction.is_dirty());
    assert_eq!(world.cached().await, [1, 2, 3]);
    let committed = transaction.commit().await.unwrap();
    assert!(committed.aftermath.is_clean());
    assert_eq!(world.cached().await, [3]);
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
    assert_eq!(world.name(2).await, None);
}

async fn write_all(transaction: &larder::sea_orm::CachedTransaction) {
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    transaction.insert(new("joe")).await.unwrap();
    transaction.delete_by_id(person::Entity, 3).await.unwrap();
    let sql = "UPDATE person SET team = 1";
    transaction.execute_unprepared(sql).await.unwrap();
    let plain = transaction.connection();
    plain.execute_unprepared(sql).await.unwrap();
    transaction
        .changed(person::Entity, [RowChange::<Person>::of(&2)])
        .unwrap();
}

async fn assert_no_trace(world: &World) {
    assert_eq!(world.cached().await, [1, 2, 3]);
    assert_eq!(world.name(1).await.as_deref(), Some("joan"));
    assert_eq!(world.row(1).await.unwrap().name, "joan");
    assert_eq!(world.row(4).await, None);
}

pub(crate) async fn a_rollback_leaves_no_trace(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    write_all(&transaction).await;
    transaction.rollback().await.unwrap();
    assert_no_trace(&world).await;
}

pub(crate) async fn a_transaction_that_is_dropped_leaves_no_trace(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    write_all(&transaction).await;
    drop(transaction);
    assert_no_trace(&world).await;
}

pub(crate) async fn a_savepoint_that_is_released_waits_for_the_commit(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    let savepoint = transaction.begin().await.unwrap();
    savepoint.update(renamed(1, "jo", 2)).await.unwrap();
    savepoint.commit().await.unwrap();
    assert_eq!(world.cached().await, [1, 2, 3]);
    transaction.commit().await.unwrap();
    assert_eq!(world.cached().await, [2, 3]);
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}

pub(crate) async fn a_savepoint_that_is_rolled_back_leaves_no_trace(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    let savepoint = transaction.begin().await.unwrap();
    savepoint.update(renamed(1, "jo", 2)).await.unwrap();
    savepoint.rollback().await.unwrap();
    let dropped = transaction.begin().await.unwrap();
    dropped.update(renamed(3, "zo", 2)).await.unwrap();
    drop(dropped);
    transaction.update(renamed(2, "jimmy", 2)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(world.cached().await, [1, 3]);
    assert_eq!(world.row(1).await.unwrap().name, "joan");
    assert_eq!(world.row(3).await.unwrap().name, "zoe");
    assert_eq!(world.name(2).await.as_deref(), Some("jimmy"));
}

pub(crate) async fn a_savepoint_in_a_transaction_that_is_rolled_back_leaves_no_trace(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    let savepoint = transaction.begin().await.unwrap();
    write_all(&savepoint).await;
    savepoint.commit().await.unwrap();
    transaction.rollback().await.unwrap();
    assert_no_trace(&world).await;
}

pub(crate) async fn savepoints_in_savepoints_are_joined(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    let outer = transaction.begin().await.unwrap();
    outer.update(renamed(1, "jo", 2)).await.unwrap();
    let inner = outer.begin().await.unwrap();
    inner.update(renamed(2, "jimmy", 2)).await.unwrap();
    inner.commit().await.unwrap();
    let gone = outer.begin().await.unwrap();
    gone.update(renamed(3, "zo", 2)).await.unwrap();
    gone.rollback().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(world.cached().await, [1, 2, 3]);
    transaction.commit().await.unwrap();
    assert_eq!(world.cached().await, [3]);
}

pub(crate) async fn a_closure_commits_what_it_brings_and_rolls_back_what_fails(world: World) {
    world.warm().await;
    let failed = world
        .db
        .transaction(|transaction| {
            Box::pin(async move {
                transaction.update(renamed(1, "jo", 2)).await?;
                Err::<(), _>(DbErr::Custom("no".to_owned()))
            })
        })
        .await;
    assert!(matches!(failed, Err(TransactionError::Transaction(_))));
    assert_no_trace(&world).await;

    let done = world
        .db
        .transaction(|transaction| {
            Box::pin(async move {
                let row = transaction.update(renamed(1, "jo", 2)).await?;
                let failed = transaction
                    .transaction(|savepoint| {
                        Box::pin(async move {
                            savepoint.update(renamed(2, "jimmy", 2)).await?;
                            Err::<(), _>(DbErr::Custom("no".to_owned()))
                        })
                    })
                    .await;
                assert!(failed.is_err());
                Ok::<_, DbErr>(row)
            })
        })
        .await
        .unwrap();
    assert_eq!(done.name, "jo");
    assert!(done.aftermath.is_clean());
    assert_eq!(world.cached().await, [2, 3]);
}

pub(crate) async fn a_commit_goes_on_without_its_caller(world: World) {
    world.warm().await;
    let transaction = world.db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    {
        let commit = pin!(transaction.commit());
        // A database may be quick enough to have done it.
        let _ = commit.poll(&mut Context::from_waker(Waker::noop()));
    }
    // Nobody is told when it is done: one can but look.
    while world.people.contains(&1).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}

/// A write whose caller went away may have been done or not.
pub(crate) async fn a_write_that_was_left_alone_is_not_trusted(world: World) {
    world.warm().await;
    // Who has written to the row keeps others from it.
    let before = world.connection.begin().await.unwrap();
    let sql = "UPDATE person SET team = 7 WHERE id = 1";
    before.execute_unprepared(sql).await.unwrap();
    let transaction = world.db.begin().await.unwrap();
    {
        let update = pin!(transaction.update(renamed(1, "jo", 2)));
        let polled = update.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    before.rollback().await.unwrap();
    // What becomes of the statement is the database's affair; here the transaction may break.
    let committed = transaction.commit().await;
    let row = world.row(1).await.unwrap();
    assert_eq!(world.name(1).await, Some(row.name), "{committed:?}");
}

pub(crate) async fn fenced_commits_are_seen(world: World) {
    let world = world.fenced(Duration::from_secs(60)).await;
    world.warm().await;
    assert_eq!(world.name(4).await, None);
    let transaction = world.db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    transaction.insert(new("joe")).await.unwrap();
    let committed = transaction.commit().await.unwrap();
    assert!(committed.aftermath.is_clean());
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
    assert_eq!(world.name(4).await.as_deref(), Some("joe"));
    // The fences are down: what was loaded was stored.
    assert_eq!(world.cached().await, [1, 2, 3, 4]);
    // Two transactions at a time, each with fences of its own.
    let (one, two) = tokio::join!(
        world.db.update(renamed(2, "jimmy", 2)),
        world.db.update(renamed(3, "zo", 2)),
    );
    assert!(one.unwrap().aftermath.is_clean() && two.unwrap().aftermath.is_clean());
    assert_eq!(world.name(2).await.as_deref(), Some("jimmy"));
    assert_eq!(world.name(3).await.as_deref(), Some("zo"));
}

pub(crate) async fn a_commit_without_its_fence_does_not_happen(world: World) {
    let world = world.fenced(Duration::from_secs(60)).await;
    world.store.close().await.unwrap();
    let refused = world.db.update(renamed(1, "jo", 2)).await.unwrap_err();
    let closed = Error::new(ErrorKind::Closed, "").kind().to_string();
    assert!(refused.to_string().contains(&closed), "{refused}");
    assert_eq!(world.row(1).await.unwrap().name, "joan");
}
