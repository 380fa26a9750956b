//! A directory of people: what a web service does with Larder.
//!
//! Rows are cached as SeaORM writes them, lists are questions to that cache, and whole pages are
//! cached until what they were made from changes. In reading order: `people` is the model,
//! `search` the question that a list is, `pages` reads and writes, `app` puts it together; `panel`
//! shows what the caches did.

mod app;
mod assets;
mod config;
mod database;
mod failure;
mod form;
mod guard;
mod pages;
mod panel;
pub mod people;
mod search;
mod serve;
mod view;

pub use config::{Config, USAGE};
pub use database::Place;
pub use failure::Failure;
pub use serve::{Running, serve};
