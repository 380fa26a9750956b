//! The people: a row of the database, and what the cache holds of it.

mod sample;

use chrono::NaiveDate;
use larder::sea_orm::cached_entity;
use larder::{CacheModel, FillContext};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::sample::sample;

/// The teams there are. Forms offer them, and filters know no others.
pub const TEAMS: [&str; 8] = [
    "Design",
    "Engineering",
    "Finance",
    "Marketing",
    "Operations",
    "People",
    "Research",
    "Support",
];

/// The cities where people work.
pub const CITIES: [&str; 9] = [
    "Amsterdam",
    "Bologna",
    "Kyoto",
    "Lisbon",
    "Montréal",
    "Nairobi",
    "Oslo",
    "Vilnius",
    "Wellington",
];

/// A row of the table `person`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
pub struct Model {
    /// Given by the database, and never twice.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// First and last name.
    pub name: String,
    /// What they do.
    pub title: String,
    /// One of [`TEAMS`].
    pub team: String,
    /// One of [`CITIES`].
    pub city: String,
    /// Nobody shares theirs.
    #[sea_orm(unique)]
    pub email: String,
    /// A few sentences.
    pub bio: String,
    /// Their first day.
    pub joined: NaiveDate,
    /// Grows with each change: of two writes the cache keeps the later one.
    pub version: i64,
}

/// There are no relations.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A person as the cache holds them: what is declared here can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "person", from = Model)]
pub struct PersonCard {
    /// The row's.
    #[cache(id)]
    pub id: i64,
    /// Found by its words, accents aside; equal and in order whatever its case.
    #[cache(text(fold), index, sort, ignore_case)]
    pub name: String,
    /// Carried along.
    pub title: String,
    /// One of [`TEAMS`].
    #[cache(index)]
    pub team: String,
    /// One of [`CITIES`].
    #[cache(index)]
    pub city: String,
    /// Carried along.
    pub email: String,
    /// Found by its words.
    #[cache(text(fold))]
    pub bio: String,
    /// Their first day.
    #[cache(index, sort)]
    pub joined: NaiveDate,
    /// The row's.
    pub version: i64,
}

/// The handles that filters are made of.
pub type Fields = <PersonCard as larder::CacheFields>::Fields<PersonCard>;

// The one line that makes the entity cached: loads need no closure, and writes are seen.
cached_entity!(Entity => PersonCard, version = |card| card.version.unsigned_abs());

/// Has the rows of a load keep their versions, as those of the entity's own loads do.
pub fn keep_versions(fill: &FillContext<PersonCard>) {
    fill.version_by(|card| card.version.unsigned_abs());
}
