//! Larder's Redis store: each object a hash with its encoded form and its indexed fields, the
//! index RediSearch's, one multiplexed connection that heals itself.

mod config;
mod depend;
mod store;

mod layout;

mod fields;

mod script;

mod read;

mod write;

mod index;

mod query;

mod search;

mod remove;

mod mark;

mod leases;

mod link;

mod server;

mod reply;

mod error;

pub use config::{ReadPolicy, RedisBuilder};
pub use store::RedisStore;
