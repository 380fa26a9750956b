//! What tests of stores stand on: the reference store, which defines right, a clock that
//! moves when it is told to, and random models, objects and queries to compare stores with.

pub mod generate;

mod clock;
mod reference;

pub use clock::ManualClock;
pub use reference::ReferenceStore;
