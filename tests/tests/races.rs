//! Races: no load stores what a write has overtaken, in models, on threads, in processes.
#![expect(clippy::expect_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the run reports how much it did")]

#[path = "races/cold.rs"]
mod cold;
#[path = "../../crates/larder-core/src/flight.rs"]
mod flight;
#[path = "races/lists.rs"]
mod lists;
#[path = "races/model.rs"]
mod model;
#[path = "races/mutants.rs"]
mod mutants;
#[path = "races/processes.rs"]
mod processes;
#[path = "races/protocol.rs"]
mod protocol;
#[path = "races/schedules.rs"]
mod schedules;
#[path = "races/source.rs"]
mod source;
#[path = "races/storm.rs"]
mod storm;
#[path = "races/sync.rs"]
mod sync;
#[path = "races/threads.rs"]
mod threads;
