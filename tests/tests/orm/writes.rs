//! Single writes, by every path.

use larder::ErrorKind;
use larder::sea_orm::CachedDb;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
};
use sea_orm::{ColumnTrait, SqlErr};

use crate::entities::{account, member, person, tag};
use crate::world::{World, new, renamed};

/// That nobody has an id is remembered, and has to be forgotten.
pub(crate) async fn an_insert_is_seen(world: World) {
    assert_eq!(world.name(4).await, None);
    let inserted = world.db.insert(new("joe")).await.unwrap();
    assert!(inserted.aftermath.is_clean());
    assert_eq!(inserted.id, 4);
    assert_eq!(world.name(4).await.as_deref(), Some("joe"));
}

pub(crate) async fn an_update_is_seen(world: World) {
    world.warm().await;
    let updated = world.db.update(renamed(1, "jo", 2)).await.unwrap();
    assert_eq!(updated.name, "jo");
    assert_eq!(world.cached().await, [2, 3]);
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}

pub(crate) async fn a_save_is_seen(world: World) {
    world.warm().await;
    assert_eq!(world.name(4).await, None);
    let mut joe = world.db.save(new("joe")).await.unwrap().into_value();
    assert_eq!(world.name(4).await.as_deref(), Some("joe"));
    joe.name = Set("joey".to_owned());
    world.db.save(joe).await.unwrap();
    assert_eq!(world.name(4).await.as_deref(), Some("joey"));
}

pub(crate) async fn a_delete_is_seen(world: World) {
    world.warm().await;
    let joan = world.row(1).await.unwrap();
    let deleted = world.db.delete(joan.into_active_model()).await.unwrap();
    assert_eq!(deleted.rows_affected, 1);
    assert_eq!(world.cached().await, [2, 3]);
    assert_eq!(world.name(1).await, None);
    let deleted = world.db.delete_by_id(person::Entity, 2).await.unwrap();
    assert_eq!(deleted.rows_affected, 1);
    assert_eq!(world.name(2).await, None);
    let deleted = world.db.delete_by_id(person::Entity, 2).await.unwrap();
    assert_eq!(deleted.rows_affected, 0);
}

pub(crate) async fn an_update_that_brings_nothing_back_is_seen(world: World) {
    world.warm().await;
    let updated = world.db.update_without_returning(renamed(1, "jo", 2)).await;
    assert_eq!(updated.unwrap().rows_affected, 1);
    assert_eq!(world.cached().await, [2, 3]);
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}

/// SeaORM's own methods, given the connection: of what they write the table is known.
pub(crate) async fn a_write_with_seaorm_itself_is_seen(world: World) {
    world.warm().await;
    renamed(1, "jo", 2).update(&world.db).await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));

    world.warm().await;
    let all = person::Entity::update_many().col_expr(person::Column::Team, 8.into());
    all.exec(&world.db).await.unwrap();
    assert!(world.cached().await.is_empty());

    assert_eq!(world.name(4).await, None);
    let joe = person::Entity::insert(new("joe"));
    joe.exec(&world.db).await.unwrap();
    assert_eq!(world.name(4).await.as_deref(), Some("joe"));

    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
    let transaction = world.db.begin().await.unwrap();
    let gone = person::Entity::delete_many().filter(person::Column::Id.eq(1));
    gone.exec(&transaction).await.unwrap();
    assert!(!world.cached().await.is_empty());
    transaction.commit().await.unwrap();
    assert_eq!(world.name(1).await, None);
}

pub(crate) async fn plain_sql_is_seen_by_its_table(world: World) {
    world.warm().await;
    let asked = "SELECT count(*) FROM person";
    world.db.execute_unprepared(asked).await.unwrap();
    assert_eq!(world.cached().await, [1, 2, 3]);
    let written = "UPDATE person SET name = 'jo' WHERE id = 1";
    world.db.execute_unprepared(written).await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("jo"));
}

pub(crate) async fn plain_sql_past_the_connection_is_told(world: World) {
    world.warm().await;
    let written = "UPDATE person SET name = name || '!' WHERE team = 7";
    world.connection.execute_unprepared(written).await.unwrap();
    assert_eq!(world.name(1).await.as_deref(), Some("joan"));
    let gone = world
        .db
        .invalidate_where(
            person::Entity,
            |p: <crate::entities::Person as larder::CacheFields>::Fields<_>| p.team.eq(7),
        )
        .await;
    assert_eq!(gone.unwrap(), 2);
    assert_eq!(world.cached().await, [3]);
    assert_eq!(world.name(1).await.as_deref(), Some("joan!"));
}

pub(crate) async fn what_other_entities_have_stays(world: World) {
    let tag = tag::ActiveModel {
        name: Set("rust".to_owned()),
        count: Set(1),
    };
    world.db.insert(tag).await.unwrap();
    world.tags.get_or_load("rust").await.unwrap();
    world.warm().await;
    world.db.update(renamed(1, "jo", 2)).await.unwrap();
    renamed(2, "jimmy", 2).update(&world.db).await.unwrap();
    assert!(world.tags.contains("rust").await.unwrap());
}

pub(crate) async fn ids_of_other_types_are_seen(world: World) {
    let tag = |count| tag::ActiveModel {
        name: Set("rust".to_owned()),
        count: Set(count),
    };
    world.db.insert(tag(1)).await.unwrap();
    let cached = world.tags.get_or_load("rust").await.unwrap().unwrap();
    assert_eq!(cached.count, 1);
    world.db.update(tag(2)).await.unwrap();
    let cached = world.tags.get_or_load("rust").await.unwrap().unwrap();
    assert_eq!(cached.count, 2);

    let account = |balance| account::ActiveModel {
        id: Set(1 << 40),
        balance: Set(balance),
    };
    world.db.insert(account(10)).await.unwrap();
    let id = 1_u64 << 40;
    let cached = world.accounts.get_or_load(&id).await.unwrap().unwrap();
    assert_eq!(cached.balance, 10);
    world.db.update(account(20)).await.unwrap();
    let cached = world.accounts.get_or_load(&id).await.unwrap().unwrap();
    assert_eq!(cached.balance, 20);
}

pub(crate) async fn ids_of_several_columns_are_seen(world: World) {
    let member = |person: &str, role: &str| member::ActiveModel {
        team: Set(7),
        person: Set(person.to_owned()),
        role: Set(role.to_owned()),
    };
    for person in ["joan", "jim"] {
        world.db.insert(member(person, "guest")).await.unwrap();
    }
    let keys = ["joan", "nobody", "jim"].map(|person| (7, person.to_owned()));
    let found = world.members.get_or_load_many(&keys).await.unwrap();
    let roles = found.iter().map(|found| found.as_ref().map(|m| &*m.role));
    assert_eq!(
        roles.collect::<Vec<_>>(),
        [Some("guest"), None, Some("guest")]
    );
    world.db.update(member("joan", "owner")).await.unwrap();
    assert!(!world.members.contains(&keys[0]).await.unwrap());
    assert!(world.members.contains(&keys[2]).await.unwrap());
    let joan = world.members.get_or_load(&keys[0]).await.unwrap().unwrap();
    assert_eq!(joan.role, "owner");
    let key = (7, "joan".to_owned());
    world.db.delete_by_id(member::Entity, key).await.unwrap();
    assert_eq!(world.members.get_or_load(&keys[0]).await.unwrap(), None);
}

pub(crate) async fn ids_that_no_row_can_have_are_of_no_row(world: World) {
    let ids = [u64::MAX, 5];
    assert_eq!(world.accounts.get_or_load(&ids[0]).await.unwrap(), None);
    let found = world.accounts.get_or_load_many(&ids).await.unwrap();
    assert_eq!(found, [None, None]);
    // And rows that no id is of, are of no cache.
    let account = account::ActiveModel {
        id: Set(-1),
        balance: Set(10),
    };
    world.db.insert(account.clone()).await.unwrap();
    assert!(world.db.delete(account).await.unwrap().aftermath.is_clean());
}

pub(crate) async fn a_write_that_fails_removes_nothing(world: World) {
    world.warm().await;
    let taken = world.db.insert(new("jim")).await.unwrap_err();
    assert!(matches!(
        taken.sql_err(),
        Some(SqlErr::UniqueConstraintViolation(_))
    ));
    let taken = world.db.update(renamed(1, "jim", 2)).await.unwrap_err();
    assert!(taken.sql_err().is_some());
    let missing = world.db.update(renamed(9, "joe", 2)).await.unwrap_err();
    assert_eq!(missing, DbErr::RecordNotUpdated);
    let keyless = world.db.delete(new("joe")).await.unwrap_err();
    assert!(matches!(keyless, DbErr::PrimaryKeyNotSet { .. }));
    assert_eq!(world.cached().await, [1, 2, 3]);
}

pub(crate) async fn a_hook_that_fails_undoes_its_write(world: World) {
    world.warm().await;
    let refused = world.db.update(renamed(1, "refused", 2)).await;
    assert_eq!(refused.unwrap_err(), DbErr::Custom("refused".to_owned()));
    assert_eq!(world.row(1).await.unwrap().name, "joan");
    assert_eq!(world.cached().await, [1, 2, 3]);
}

/// Hooks are given the transaction that knows of the caches.
pub(crate) async fn a_hook_that_writes_is_noticed(world: World) {
    let tag = tag::ActiveModel {
        name: Set("namesake".to_owned()),
        count: Set(0),
    };
    world.db.insert(tag).await.unwrap();
    world.tags.get_or_load("namesake").await.unwrap();
    world.db.update(renamed(1, "namesake", 2)).await.unwrap();
    let tag = world.tags.get_or_load("namesake").await.unwrap().unwrap();
    assert_eq!(tag.count, 1);
}

pub(crate) async fn a_cache_that_fails_does_not_undo_a_commit(world: World) {
    world.warm().await;
    world.store.close().await.unwrap();
    let updated = world.db.update(renamed(1, "jo", 2)).await.unwrap();
    assert_eq!(updated.name, "jo");
    let failures = updated.aftermath.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].kind(), ErrorKind::Closed);
    assert_eq!(world.row(1).await.unwrap().name, "jo");
}

pub(crate) async fn what_was_not_named_to_the_builder_is_told(world: World) {
    let bare = CachedDb::builder(world.connection.clone()).build().unwrap();
    let missing = bare.cached::<_, crate::entities::Person>(person::Entity);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::InvalidConfig);
    // An entity without a cache is written all the same.
    let updated = bare.update(renamed(1, "jo", 2)).await.unwrap();
    assert!(updated.aftermath.is_clean());

    let builder = CachedDb::builder(world.connection.clone());
    let twice = builder
        .cache(tag::Entity, &world.tags)
        .cache(tag::Entity, &world.tags);
    assert_eq!(twice.build().unwrap_err().kind(), ErrorKind::InvalidConfig);
    let builder = CachedDb::builder(world.connection.clone());
    let versionless = builder.write_through(tag::Entity, &world.tags).build();
    assert_eq!(versionless.unwrap_err().kind(), ErrorKind::InvalidConfig);
    let builder = CachedDb::builder(world.connection.clone());
    let brief = builder.fenced(std::time::Duration::ZERO).build();
    assert_eq!(brief.unwrap_err().kind(), ErrorKind::InvalidConfig);
}
