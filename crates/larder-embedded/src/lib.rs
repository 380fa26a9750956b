//! The embedded store: moka holds the live objects, tantivy indexes them in memory, and an
//! overlay of pending writes makes every write visible at once. No server, no serialization.

mod config;
mod error;
mod index;
mod query;
mod rows;
mod store;

pub use config::EmbeddedBuilder;
pub use store::EmbeddedStore;
