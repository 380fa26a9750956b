//! Larder's Redis store: each object a hash with its encoded form and its indexed fields, the
//! index RediSearch's, one multiplexed connection that heals itself.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the store that uses it is in another branch")
)]
mod config;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the store that uses it is in another branch")
)]
mod error;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the store that uses it is in another branch")
)]
mod link;
mod server;

pub use config::{ReadPolicy, RedisBuilder};
