//! What tests of stores stand on: the rules that every store keeps, the reference store, which
//! defines right, random models, objects and queries to compare stores with, and a clock that
//! moves when it is told to.
//!
//! A store's own tests are one maker and one macro: see [`conformance!`].

pub mod generate;

mod clock;
mod conformance;
mod encoded;
mod limited;
mod reference;
pub mod rules;
#[cfg(feature = "server")]
pub mod server;
mod watchdog;

pub use clock::ManualClock;
pub use conformance::{Backend, Boxed, Harness, Need, Setup, check};
pub use encoded::EncodedStore;
pub use limited::LimitedStore;
pub use reference::ReferenceStore;
pub use watchdog::Watchdog;
