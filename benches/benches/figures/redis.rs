//! What the figures on Redis share: a server of their own, Larder's cache on it, the bare client
//! beside it, and one core for all of them.

use std::process::{Command, Stdio};
use std::time::Duration;

use larder::{Cache, RedisStore};
use larder_benches::data::{self, User};
use larder_benches::timing::time;
use larder_testkit::server::{Kind, Server};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Value};
use tokio::runtime::Runtime;

use crate::Failure;

/// How long an answer may take: a limit, as the store has one, but beyond what a busy machine does.
const PATIENCE: Duration = Duration::from_secs(30);

/// What tells the end of what was asked.
const END: &str = "end of what was asked";

/// A server with users, and two clients of it on one runtime of one thread: whatever a runtime
/// costs, it costs both.
pub(crate) struct Bench {
    pub(crate) cache: Cache<User>,
    /// The bare client: redis-rs, in the version of the protocol that the store speaks.
    pub(crate) raw: MultiplexedConnection,
    pub(crate) server: Server,
    runtime: Runtime,
}

impl Bench {
    /// A fresh server with the first `objects` users of seed 1.
    pub(crate) fn start(objects: usize) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let server = Server::builder(Kind::RedisSearch).start();
        let client = redis::Client::open(format!("{}/?protocol=resp3", server.url()))?;
        let (cache, raw) = runtime.block_on(async {
            let store = RedisStore::connect(&server.url()).await?;
            let cache: Cache<User> = Cache::builder(store).build().await?;
            data::fill(&cache, 1, objects).await?;
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
            let raw = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            Ok::<_, Failure>((cache, raw))
        })?;
        Ok(Self {
            cache,
            raw,
            server,
            runtime,
        })
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// How long a piece of work takes, and what it comes to.
    pub(crate) fn time<F: Future<Output = Result<(), Failure>>>(&self, work: F) -> Duration {
        let mut done = Ok(());
        let time = time(|| done = self.block_on(work));
        if let Err(failure) = done {
            panic!("a side failed: {failure}");
        }
        time
    }

    /// The commands of this name that clients send while `work` runs, argument by argument, as
    /// the server's own `MONITOR` tells them.
    pub(crate) fn asked<F: Future<Output = Result<(), Failure>>>(
        &self,
        name: &str,
        work: F,
    ) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
        let client = redis::Client::open(self.server.url())?;
        let mut monitor = client.get_connection()?;
        redis::cmd("MONITOR").exec(&mut monitor)?;
        self.block_on(work)?;
        let mut marker = client.get_connection()?;
        redis::cmd("ECHO").arg(END).exec(&mut marker)?;
        let mut asked = Vec::new();
        loop {
            let Value::SimpleString(line) = monitor.recv_response()? else {
                return Err("MONITOR told something else than a command".into());
            };
            let command = arguments(&line)?;
            if command.last().is_some_and(|last| last == END.as_bytes()) {
                return Ok(asked);
            }
            let named = |first: &Vec<u8>| first.eq_ignore_ascii_case(name.as_bytes());
            if command.first().is_some_and(named) {
                asked.push(command);
            }
        }
    }

    /// Puts this process and the server on one core.
    pub(crate) fn on_one_core(&self) -> OneCore {
        OneCore::new(&[std::process::id(), self.server.process()])
    }
}

/// The command in a line of `MONITOR`: strings in quotes, with the escapes of C.
fn arguments(line: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let odd = || format!("a line of MONITOR that cannot be read: {line}");
    let mut bytes = line.split_once("] ").ok_or_else(odd)?.1.bytes();
    let mut arguments = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' => continue,
            b'"' => {}
            _ => return Err(odd().into()),
        }
        let mut argument = Vec::new();
        loop {
            match bytes.next().ok_or_else(odd)? {
                b'"' => break,
                b'\\' => argument.push(match bytes.next().ok_or_else(odd)? {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 7,
                    b'b' => 8,
                    b'x' => {
                        let digits = [bytes.next(), bytes.next()].map(Option::unwrap_or_default);
                        u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?
                    }
                    escaped => escaped,
                }),
                plain => argument.push(plain),
            }
        }
        arguments.push(argument);
    }
    Ok(arguments)
}

/// The user in the bytes that the store's codec wrote, by that codec's crate alone.
pub(crate) fn decode(bytes: &[u8]) -> Result<User, Failure> {
    Ok(bincode::serde::decode_from_slice(bytes, bincode::config::standard())?.0)
}

/// Processes on one core, as long as this lives: a round trip between two cores is mostly their
/// waking each other. What is started meanwhile is on that core too.
pub(crate) struct OneCore {
    /// The cores that this process had, if there is a `taskset` to set them with.
    before: Option<String>,
}

impl OneCore {
    fn new(processes: &[u32]) -> Self {
        let Some(before) = cores() else {
            return Self { before: None };
        };
        let digits = before.find(|c: char| !c.is_ascii_digit());
        let one = &before[..digits.unwrap_or(before.len())];
        let set = processes.iter().all(|process| set_cores(*process, one));
        Self {
            before: set.then_some(before),
        }
    }

    /// What to say beside a figure.
    pub(crate) fn note(&self) -> &'static str {
        match self.before {
            Some(_) => "on one core",
            None => "on any core, there is no taskset",
        }
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Where it stood before it can stand again.
            set_cores(std::process::id(), before);
        }
    }
}

/// The cores that this process may run on.
fn cores() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let cores = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(cores.trim().to_owned())
}

fn set_cores(process: u32, cores: &str) -> bool {
    let process = process.to_string();
    Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", cores, &process])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
