//! What tests of stores stand on: the reference store, which defines right, and a clock that
//! moves when it is told to.

mod clock;
mod reference;

pub use clock::ManualClock;
pub use reference::ReferenceStore;
