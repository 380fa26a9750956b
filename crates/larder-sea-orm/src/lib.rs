//! SeaORM with a cache behind it: what is cached of a row is removed once its change is committed.
//!
//! One line makes an entity cached; a [`CachedDb`] is the connection that knows of its cache.
//!
//! ```
//! use larder_core::{Cache, SourcedCache};
//! use larder_derive::CacheModel;
//! use larder_sea_orm::{CachedDb, cached_entity};
//! use sea_orm::entity::prelude::*;
//! use sea_orm::{ActiveValue::Set, DatabaseConnection};
//! use serde::{Deserialize, Serialize};
//!
//! mod user {
//!     use sea_orm::entity::prelude::*;
//!
//!     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
//!     #[sea_orm(table_name = "user")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i32,
//!         pub name: String,
//!     }
//!
//!     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//!     pub enum Relation {}
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! #[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
//! #[cache(crate = larder_core, from = user::Model)]
//! struct UserCard {
//!     #[cache(id)]
//!     id: i32,
//!     #[cache(text)]
//!     name: String,
//! }
//!
//! cached_entity!(user::Entity => UserCard);
//!
//! # async fn example(connection: DatabaseConnection, cache: Cache<UserCard>) -> Result<(), Box<dyn std::error::Error>> {
//! let db = CachedDb::builder(connection).cache(user::Entity, &cache).build()?;
//! let users: SourcedCache<UserCard> = db.cached(user::Entity)?;
//!
//! let joan = db.insert(user::ActiveModel { name: Set("Joan".into()), ..Default::default() }).await?;
//! let card = users.get_or_load(&joan.id).await?;
//!
//! let transaction = db.begin().await?;
//! transaction.update(user::ActiveModel { name: Set("Jo".into()), ..joan.into_value().into() }).await?;
//! transaction.commit().await?; // Here "Joan" goes; after a rollback she would have stayed.
//! # Ok(())
//! # }
//! ```
//!
//! # What is noticed
//! The methods of [`CachedDb`] and [`CachedTransaction`] that are called like SeaORM's know which
//! rows they changed, and have those removed, or [put](CachedDbBuilder::write_through).
//!
//! Both are SeaORM connections too, so that all of SeaORM can be called with one: `user.save(&db)`,
//! `user::Entity::insert_many(..).exec(&transaction)`. Of what is written so only the table is
//! known, and all that is cached of it is removed.
//!
//! What the database does by itself, cascades and triggers, nobody can notice, nor what is written
//! past them, by [`CachedTransaction::connection`] say. Tell of it by `invalidate_where`.
//!
//! # When it is done
//! After the commit, and never because of a rollback. Savepoints join the transaction they are in.
//! Once a commit has begun, it and the work behind it go on even if their caller goes away. A
//! cache that fails afterwards does not undo a commit: see [`Aftermath`](larder_core::Aftermath).
//!
//! Reads within a transaction that wrote nothing are answered from the cache; once it wrote, they
//! go to the database. They fill nothing: a transaction may see what others no longer do.

mod db;
mod entity;
mod registry;
mod statement;
mod transaction;

pub use db::{CachedDb, CachedDbBuilder};
pub use entity::{CachedEntity, EntitySource, Key};
pub use transaction::{CachedTransaction, ModelOf};

/// What the macro refers to. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::entity::converted;
    pub use larder_core::{CacheModel, Result};
    pub use sea_orm::EntityTrait;
}
