//! Larder's Redis store: each object a hash with its encoded form and its indexed fields, the
//! index RediSearch's, one multiplexed connection that heals itself.

mod config;
mod link;
mod server;

mod layout;

mod fields;

mod script;

mod index;

mod query;

mod search;

mod reply;

mod error;

mod store;

pub use config::{ReadPolicy, RedisBuilder};
pub use store::RedisStore;
