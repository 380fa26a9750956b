//! Arguments, and what becomes of errors.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufWriter, Write};

use larder::{Cache, CacheStore as _, Store};

use crate::film::{self, Film};
use crate::report::{Report, count};
use crate::{changes, tour};

const USAGE: &str = "\
Asks 3,201 films all sorts of questions, changes some of them, and asks again.

Usage: cargo run --release --example movies -- [options]

Options:
  --store URL   where the films are kept; `memory://` unless given, or on a server such as
                `redis://127.0.0.1:6379/?namespace=movies`.
                Films that an earlier run left there are replaced.
  --no-times    leave out how long each query took: the same output every time
  -h, --help    print this
";

/// What the arguments ask for.
struct Options {
    store: String,
    times: bool,
    help: bool,
}

/// Why a run ends early.
pub(crate) enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// The data cannot be read.
    Data(String),
    /// The cache failed.
    Larder(larder::Error),
    /// The output cannot be written.
    Output(io::Error),
}

impl From<larder::Error> for Failure {
    fn from(error: larder::Error) -> Self {
        Self::Larder(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Data(message) => f.write_str(message),
            Self::Larder(error) => error.fmt(f),
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

/// Does what the arguments say and returns the exit code.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let mut out = BufWriter::new(out);
    let ended = execute(arguments, &mut out);
    // What was printed before an error comes before it.
    let flushed = out.flush().map_err(Failure::Output);
    let failure = match ended.and(flushed) {
        Ok(()) => return 0,
        // Whoever read along has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
        Err(failure) => failure,
    };
    let (code, usage) = match failure {
        Failure::Usage(_) => (2, USAGE),
        _ => (1, ""),
    };
    // If this fails too, there is nowhere left to say so.
    let _ = write!(err, "error: {failure}\n{usage}");
    code
}

fn execute(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let options = Options::read(arguments)?;
    if options.help {
        return Ok(write!(out, "{USAGE}")?);
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let store = larder::connect(&options.store).await?;
            show(store, options.times, out).await
        })
}

/// Fills `store` with the films, asks and changes them, and reports to `out`.
pub(crate) async fn show(store: Store, times: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let rows = film::read()?;
    let name = store.capability().name;
    let films = Cache::<Film>::builder(store).build().await?;
    films.clear().await?;
    writeln!(out, "{} films go into the {name} store.", count(rows.len()))?;
    let mut report = Report::new(out, times);
    tour::load(&films, rows, &mut report).await?;
    tour::ask(&films, &mut report).await?;
    changes::make(&films, &mut report).await?;
    Ok(films.store().close().await?)
}

impl Options {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let mut options = Self {
            store: "memory://".to_owned(),
            times: true,
            help: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let argument = readable(argument)?;
            match argument.as_str() {
                "-h" | "--help" => options.help = true,
                "--no-times" => options.times = false,
                "--store" => {
                    let url = arguments.next().ok_or_else(|| {
                        Failure::Usage("`--store` needs a URL behind it".to_owned())
                    })?;
                    options.store = readable(url)?;
                }
                other => match other.strip_prefix("--store=") {
                    Some(url) => options.store = url.to_owned(),
                    None => {
                        return Err(Failure::Usage(format!("there is no argument `{other}`")));
                    }
                },
            }
        }
        Ok(options)
    }
}

fn readable(argument: OsString) -> Result<String, Failure> {
    argument
        .into_string()
        .map_err(|other| Failure::Usage(format!("argument {other:?} is not valid UTF-8")))
}
