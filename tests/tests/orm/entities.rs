//! What is in the databases, and what of it is cached.
#![expect(
    unreachable_pub,
    reason = "what SeaORM derives is public, and so has to be what it derives from"
)]

use larder::CacheModel;
use larder::sea_orm::cached_entity;
use serde::{Deserialize, Serialize};

pub(crate) mod person {
    use sea_orm::ActiveValue::Set;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "person")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub name: String,
        pub team: i32,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    #[sea_orm::prelude::async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        /// Refuses one name, and writes down another.
        async fn after_save<C>(model: Model, db: &C, _: bool) -> Result<Model, DbErr>
        where
            C: ConnectionTrait,
        {
            if model.name == "refused" {
                return Err(DbErr::Custom("refused".to_owned()));
            }
            if model.name == "namesake" {
                let tag = super::tag::ActiveModel {
                    name: Set("namesake".to_owned()),
                    count: Set(1),
                };
                tag.update(db).await?;
            }
            Ok(model)
        }
    }
}

pub(crate) mod member {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "member")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub team: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub person: String,
        pub role: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod tag {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tag")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub count: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod account {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub balance: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(from = person::Model, validate = Person::is_welcome)]
pub(crate) struct Person {
    #[cache(id)]
    pub(crate) id: i32,
    #[cache(text, index, sort)]
    pub(crate) name: String,
    #[cache(index)]
    pub(crate) team: i32,
    pub(crate) version: i64,
}

impl Person {
    fn is_welcome(&self) -> Result<(), larder::Invalid> {
        match self.name.as_str() {
            "unwelcome" => Err(larder::Invalid::field("name", "is not welcome")),
            _ => Ok(()),
        }
    }
}

cached_entity!(person::Entity => Person, version = |person| person.version.cast_unsigned());

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
pub(crate) struct Member {
    #[cache(id)]
    pub(crate) key: (i32, String),
    pub(crate) role: String,
}

impl From<&member::Model> for Member {
    fn from(row: &member::Model) -> Self {
        Self {
            key: (row.team, row.person.clone()),
            role: row.role.clone(),
        }
    }
}

cached_entity!(member::Entity => Member);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(from = tag::Model)]
pub(crate) struct Tag {
    #[cache(id)]
    pub(crate) name: String,
    pub(crate) count: i32,
}

cached_entity!(tag::Entity => Tag);

/// Under another kind of id than its row's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
pub(crate) struct Account {
    #[cache(id)]
    pub(crate) id: u64,
    pub(crate) balance: i64,
}

impl From<&account::Model> for Account {
    fn from(row: &account::Model) -> Self {
        Self {
            id: row.id.cast_unsigned(),
            balance: row.balance,
        }
    }
}

cached_entity!(account::Entity => Account);
