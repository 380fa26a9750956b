//! 3,201 films in a cache that can be asked: `cargo run --release --example movies`.
//!
//! In reading order: `film` is the model, `tour` asks, `changes` writes and asks again; `report`
//! prints, `cli` reads the arguments.

mod changes;
mod cli;
mod film;
mod report;
mod tour;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    cli::run(
        arguments,
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    )
    .into()
}
