//! The figures that `performance.md` promises, each measured against its other side in this very
//! run. Those on Redis start servers of their own:
//!
//! ```text
//! cargo bench -p larder-benches --bench figures [-- [--quick] [--strict] [G1 G4 ..]]
//! ```
//!
//! Short figures are printed, not failed, since a busy machine makes them; `--strict` fails them.
//! A figure that could not be measured always fails the run: an answer was wrong.
#![expect(clippy::print_stdout, reason = "the figures are the output")]
#![expect(clippy::print_stderr, reason = "progress and refusals")]

mod args;
mod gets;
mod growth;
#[cfg(feature = "hitbox")]
mod hitbox_gets;
mod pages;
mod pending;
mod puts;
mod redis;
mod redis_finds;
mod redis_gets;
mod redis_memory;
mod redis_om;
mod redis_puts;
mod report;
mod sockets;
mod stalls;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use args::{Args, Scale};
use report::{Row, Verdict};

/// What goes wrong while a figure is measured.
type Failure = Box<dyn std::error::Error>;
type Rows = Result<Vec<Row>, Failure>;

/// A figure: its number, and what measures it.
type Figure = (&'static str, fn(&Scale) -> Rows);

/// G16 comes first: it counts what the process grows by, which memory freed before would hide.
const FIGURES: [Figure; 12] = [
    ("G16", growth::measure),
    ("G1", gets::measure),
    ("G2", against_hitbox),
    ("G4", puts::measure),
    ("G5", pending::measure),
    ("G8", stalls::measure),
    ("G9", redis_gets::measure),
    ("G10", redis_finds::measure),
    ("G11", redis_om::measure),
    ("G13", redis_memory::measure),
    ("G14", redis_puts::measure),
    ("G17", pages::measure),
];

#[cfg(feature = "hitbox")]
use hitbox_gets::measure as against_hitbox;

#[cfg(not(feature = "hitbox"))]
fn against_hitbox(_: &Scale) -> Rows {
    Err("built without the feature `hitbox`".into())
}

fn main() -> ExitCode {
    let known = FIGURES.map(|(id, _)| id);
    let args = match Args::read(std::env::args().skip(1), &known) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("figures: not run by `cargo bench`, so nothing was measured");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    println!("{}", report::header(&args.scale));
    let mut verdicts = Vec::new();
    let mut left_out = Vec::new();
    for (id, measure) in FIGURES {
        if !args.asks_for(id) {
            left_out.push(id);
            continue;
        }
        let rows = catch_unwind(AssertUnwindSafe(|| measure(&args.scale)));
        let rows = match rows {
            Ok(Ok(rows)) => rows,
            Ok(Err(failure)) => vec![Row::failed(&failure.to_string())],
            Err(_) => vec![Row::failed("it panicked, see above")],
        };
        for row in rows {
            println!("{}", row.line(id));
            verdicts.push(row.verdict());
        }
    }
    if !left_out.is_empty() {
        println!("not asked for: {}", left_out.join(", "));
    }
    let count = |verdict| verdicts.iter().filter(|seen| **seen == verdict).count();
    let (short, unmeasured) = (count(Verdict::Short), count(Verdict::NotMeasured));
    println!(
        "{} ok, {short} short, {unmeasured} not measured",
        count(Verdict::Ok)
    );
    if unmeasured > 0 || args.strict && short > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
