//! What the benches share: the `User` objects, the six query shapes, and the ways to time them.

pub mod data;
pub mod floor;
pub mod poll;
pub mod shape;
pub mod timing;
