//! The embedded store: moka holds the live objects, tantivy indexes them in memory, and an
//! overlay of pending writes makes every write visible at once. No server, no serialization.

mod bits;
mod config;
mod error;
mod hidden;
mod index;
mod model;
mod overlay;
mod postings;
mod query;
mod rows;
mod search;
mod segment;
mod store;
mod tags;
mod watch;

pub use config::EmbeddedBuilder;
pub use store::EmbeddedStore;
