//! Writes of many rows, for which SeaORM calls no hooks.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::entities::person::{Column, Entity};
use crate::world::{World, new};

pub(crate) async fn rows_inserted_are_seen(world: World) {
    assert_eq!(world.name(4).await, None);
    assert_eq!(world.name(5).await, None);
    let insert = Entity::insert_many([new("joe"), new("max")]);
    let inserted = world.db.insert_many(insert).await.unwrap();
    let ids: Vec<i32> = inserted.iter().map(|row| row.id).collect();
    assert_eq!(ids, [4, 5]);
    assert_eq!(world.name(4).await.as_deref(), Some("joe"));
    assert_eq!(world.name(5).await.as_deref(), Some("max"));
    let nothing = Entity::insert_many(Vec::<crate::entities::person::ActiveModel>::new());
    assert!(world.db.insert_many(nothing).await.unwrap().is_empty());
}

pub(crate) async fn rows_inserted_or_updated_are_seen(world: World) {
    world.warm().await;
    let mut joan = new("joan");
    joan.team = sea_orm::ActiveValue::Set(8);
    let conflict = OnConflict::column(Column::Name)
        .update_column(Column::Team)
        .to_owned();
    let insert = Entity::insert_many([joan, new("joe")]).on_conflict(conflict);
    let written = world.db.insert_many(insert).await.unwrap();
    assert_eq!(written.len(), 2);
    assert_eq!(world.cached().await, [2, 3]);
    let joan = world.people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!(joan.team, 8);
}

pub(crate) async fn rows_updated_are_seen_and_others_stay(world: World) {
    world.warm().await;
    let update = Entity::update_many().col_expr(Column::Team, 8.into());
    let updated = world
        .db
        .update_many(update.filter(Column::Team.eq(7)))
        .await
        .unwrap();
    assert_eq!(updated.rows_affected, 2);
    assert_eq!(world.cached().await, [3]);
    let joan = world.people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!(joan.team, 8);
}

/// Which rows had other keys before, nobody says.
pub(crate) async fn keys_updated_remove_all(world: World) {
    world.warm().await;
    let update = Entity::update_many().col_expr(Column::Id, 9.into());
    let updated = world
        .db
        .update_many(update.filter(Column::Id.eq(1)))
        .await
        .unwrap();
    assert_eq!(updated.rows_affected, 1);
    assert_eq!(world.name(1).await, None);
    assert_eq!(world.name(9).await.as_deref(), Some("joan"));
}

pub(crate) async fn rows_deleted_are_seen_and_others_stay(world: World) {
    world.warm().await;
    let delete = Entity::delete_many().filter(Column::Team.eq(7));
    let deleted = world.db.delete_many(delete).await.unwrap();
    assert_eq!(deleted.rows_affected, 2);
    assert_eq!(world.cached().await, [3]);
    assert_eq!(world.name(1).await, None);
}

pub(crate) async fn no_row_updated_removes_nothing(world: World) {
    world.warm().await;
    let update = Entity::update_many().col_expr(Column::Team, 8.into());
    let updated = world
        .db
        .update_many(update.filter(Column::Team.eq(99)))
        .await
        .unwrap();
    assert_eq!(updated.rows_affected, 0);
    let nothing = world.db.update_many(Entity::update_many()).await.unwrap();
    assert_eq!(nothing.rows_affected, 0);
    let delete = Entity::delete_many().filter(Column::Team.eq(99));
    assert_eq!(world.db.delete_many(delete).await.unwrap().rows_affected, 0);
    assert_eq!(world.cached().await, [1, 2, 3]);
}
