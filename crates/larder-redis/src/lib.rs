//! Larder's Redis store: each object a hash with its encoded form and its indexed fields, the
//! index RediSearch's, one multiplexed connection that heals itself.

mod config;
mod error;
mod link;
mod server;

pub use config::{ReadPolicy, RedisBuilder};
