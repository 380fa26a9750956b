//! Breaks the flight table in ways that the race models have to find out: each mutant is the
//! library's source with one thing taken out of it.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const SOURCE: &str = "../crates/larder-core/src/flight.rs";

/// The name of each mutant, the scenario that finds it out, what is taken out of the source, and
/// what takes its place.
const MUTANTS: &[(&str, &str, &str, &str)] = &[
    (
        "a_flight_that_a_write_detached_stores",
        "ById",
        "if current != Some(self.flight.number) || slot.writers > 0 || slot.storing.is_some() {
            return Err(Overtaken::Written);
        }
        let mut state = self.flight.state.lock();
        if state.cancelled {",
        "let mut state = self.flight.state.lock();
        if current.is_none() && slot.writers > 0 {",
    ),
    (
        "a_flight_stores_while_a_batch_does",
        "Batches",
        "|| slot.writers > 0 || slot.storing.is_some() {
            return Err(Overtaken::Written);",
        "|| slot.writers > 0 {
            return Err(Overtaken::Written);",
    ),
    (
        "a_write_does_not_wait_for_a_flight_that_is_storing",
        "ById",
        "/// Waits until no flight of the keys is storing.
    pub(crate) async fn ready(&mut self) {
        quiet(&mut self.storing).await;",
        "pub(crate) async fn ready(&mut self) {
        self.storing.clear();",
    ),
    (
        "a_flight_that_looked_before_the_store_was_told_is_joined",
        "Looks",
        "// One that began meanwhile may have looked before the store was told.
                if let Some(flight) = slot.flight.take() {
                    flight.cancel();
                }",
        "",
    ),
    (
        "an_invalidation_does_not_wait_for_a_flight_that_is_storing",
        "Invalidations",
        "/// Waits until no flight is storing that knew nothing of this.
    pub(crate) async fn ready(&mut self) {
        quiet(&mut self.storing).await;",
        "pub(crate) async fn ready(&mut self) {
        self.storing.clear();",
    ),
    (
        "a_threat_is_not_left_with_the_flights_on_their_way",
        "Invalidations",
        "true => state.threats.push(threat.clone()),",
        "true => state.threats.clear(),",
    ),
    (
        "a_threatened_flight_stores",
        "Invalidations",
        "state.threats.iter().any(&mut hits) || self.flights.is_threatened(&mut hits)",
        "self.flights.is_threatened(&mut hits)",
    ),
    (
        "a_threatened_flight_is_joined",
        "Invalidations",
        "if flight.state.lock().threats.is_empty() {",
        "if !flight.state.lock().cancelled {",
    ),
    (
        "a_threat_is_not_left_with_those_that_began_meanwhile",
        "Looks",
        "self.flights.leave(&self.threat);",
        "let _ = &self.threat;",
    ),
    (
        "a_batch_stores_what_was_written_meanwhile",
        "Batches",
        " || log.written.contains(key)",
        "",
    ),
    (
        "a_batch_stores_while_a_write_does",
        "Batches",
        "if slot.writers > 0 || slot.storing.is_some() || log.written",
        "if slot.storing.is_some() || log.written",
    ),
    (
        "a_batch_stores_while_a_flight_does",
        "Batches",
        "slot.writers > 0 || slot.storing.is_some() || log.written",
        "slot.writers > 0 || log.written",
    ),
    (
        "writes_and_invalidations_do_not_wait_for_a_batch_that_is_storing",
        "Batches",
        "slot.storing = Some(Arc::clone(&storing.flight));",
        "",
    ),
    (
        "a_threat_is_not_left_with_the_batches_on_their_way",
        "Batches",
        "true => log.threats.push(threat.clone()),",
        "true => log.threats.clear(),",
    ),
    (
        "a_batch_ignores_the_threats_under_way",
        "Batches",
        "let hit = self.flights.is_threatened(&mut hits);",
        "let hit = false;",
    ),
    (
        "those_who_wait_are_not_woken",
        "Cold",
        "waker.wake();",
        "drop(waker);",
    ),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SOURCE}");
    let source = fs::read_to_string(SOURCE).expect("the flight table");
    let lines = source.lines().filter(|line| !line.starts_with("//!"));
    let source = lines.collect::<Vec<_>>().join("\n");
    let mut modules = String::new();
    let mut list = String::new();
    for (name, scenario, from, to) in MUTANTS {
        let found = source.matches(from).count();
        assert_eq!(
            found, 1,
            "mutant `{name}` of tests/build.rs is to take out of {SOURCE} what stands in it {found} times"
        );
        let mutant = source.replacen(from, to, 1);
        let _ = writeln!(
            modules,
            "mod {name} {{ {mutant} crate::protocol::protocol!(crate::mutants::{name}); }}"
        );
        let _ = write!(
            list,
            "(\"{name}\", Scenario::{scenario}, found_out::<{name}::Flights<Key, Version, Threat>>),"
        );
    }
    let code = format!("{modules} const ALL: &[Mutant] = &[{list}];");
    let out = env::var("OUT_DIR").expect("set by cargo");
    fs::write(Path::new(&out).join("mutants.rs"), code).expect("OUT_DIR can be written");
}
