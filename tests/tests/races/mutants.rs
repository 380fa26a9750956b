//! The flight table with one thing taken out of it, each time another: what `build.rs` made.

use crate::model::{Key, Threat, Version};
use crate::schedules::{Scenario, found_out};
use crate::sync;

/// Its name, the scenario that finds it out, and how.
type Mutant = (&'static str, Scenario, fn(Scenario) -> Option<u64>);

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

#[test]
fn every_mutant_of_the_flight_table_is_found_out() {
    for (name, scenario, found_out) in ALL {
        let played = found_out(*scenario);
        let played = played.unwrap_or_else(|| panic!("`{name}` is not found out"));
        println!("{name}: found out after {played} schedules");
    }
}
