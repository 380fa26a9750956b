//! `cargo run --release -p larder-example-directory -- --help`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::process::ExitCode;

use directory::{Config, Failure, USAGE, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os().skip(1)) {
        Ok(Some(config)) => config,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(failure) => return failed(&failure),
    };
    let running = match serve(config).await {
        Ok(running) => running,
        Err(failure) => return failed(&failure),
    };
    println!(
        "The directory is at http://{}/ until you press Ctrl-C.",
        running.address()
    );
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("error: Ctrl-C cannot be listened for: {error}");
        return ExitCode::FAILURE;
    }
    running.stop().await;
    ExitCode::SUCCESS
}

fn failed(failure: &Failure) -> ExitCode {
    eprintln!("error: {failure}");
    match failure {
        Failure::Usage(_) => {
            eprint!("\n{USAGE}");
            ExitCode::from(2)
        }
        _ => ExitCode::FAILURE,
    }
}
