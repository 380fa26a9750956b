//! Where the fixture puts its files, who may write them, and which ports it takes.

use std::collections::HashSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

/// Ports that are ours to choose from. Those that a system hands out by itself begin above them:
/// at 32768 on Linux, at 49152 elsewhere.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A port of the loopback interface where nothing listens now, and that no other call of this
/// process has answered.
///
/// It is not of the range that systems take for outgoing connections. A client that tries to
/// reconnect to a killed server would now and then be given that very port for its own end, and
/// be connected with itself, or keep the server from coming back.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut taken = TAKEN.lock();
    let taken = taken.get_or_insert_default();
    let ports = (0..10_000).map(|_| rand::random_range(PORTS));
    for port in ports {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free && taken.insert(port) {
            return port;
        }
    }
    panic!("no port from {PORTS:?} is free on 127.0.0.1");
}

/// Says something even where the test harness keeps what tests print to itself.
pub(super) fn say(what: &str) {
    // Should nobody hear it, nobody can be told.
    let _ = writeln!(io::stderr(), "larder-testkit: {what}");
}

/// The directory of all that the fixture keeps: `<target>/larder-redis`.
pub(super) fn home() -> Result<PathBuf, String> {
    let home = target()?.join("larder-redis");
    create(&home)?;
    Ok(home)
}

/// Cargo's target directory, by the environment or by where this program lies.
fn target() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("CARGO_TARGET_DIR") {
        let named = PathBuf::from(named);
        // Cargo takes a relative one from where it was called, which we are not told.
        if named.is_absolute() {
            return Ok(named);
        }
    }
    let program = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
    let found = program.ancestors().skip(1).find(|dir| {
        // Cargo marks a target directory that it makes; one made by hand has the name at least.
        dir.join("CACHEDIR.TAG").is_file() || dir.file_name().is_some_and(|name| name == "target")
    });
    let found = found.map(Path::to_path_buf);
    found.ok_or_else(|| {
        let program = program.display();
        format!("{program} is in no target directory of cargo; name one in CARGO_TARGET_DIR")
    })
}

/// A new directory for one server. It goes with the server, or else when a later process makes
/// its first.
pub(super) fn run_dir() -> Result<PathBuf, String> {
    static OURS: OnceLock<Result<(PathBuf, File), String>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let claim = || claim_run_dir(&home()?);
    let (ours, _) = OURS.get_or_init(claim).as_ref().map_err(Clone::clone)?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let dir = ours.join(number.to_string());
    create(&dir)?;
    Ok(dir)
}

/// Makes this process's directory, locked for as long as it lives, and clears away those of
/// processes that have ended: nobody holds their locks.
fn claim_run_dir(home: &Path) -> Result<(PathBuf, File), String> {
    let runs = home.join("run");
    create(&runs)?;
    exclusively(&runs.join("lock"), || {
        for run in listed(&runs)? {
            let lock = File::open(run.join("lock"));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                // Whatever resists is tried again by the next process.
                let _ = fs::remove_dir_all(&run);
            }
        }
        // Process numbers come again; what a dead one of the same number left was just removed.
        let ours = runs.join(std::process::id().to_string());
        create(&ours)?;
        let lock = lock(&ours.join("lock"))?;
        Ok((ours, lock))
    })
}

/// Somebody else on this machine, whom a program that refuses to run as root can run as.
#[cfg(feature = "postgres")]
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    id: u32,
    group: u32,
}

#[cfg(feature = "postgres")]
impl User {
    /// `nobody`, if we are root; else nobody else is needed.
    pub(super) fn instead_of_root() -> Result<Option<Self>, String> {
        use std::os::unix::fs::MetadataExt;

        // A file that we just made is ours.
        let ours = home()?.join("whose");
        write(&ours, "")?;
        let owner = fs::metadata(&ours).map_err(|error| format!("whose is a file? {error}"))?;
        if owner.uid() != 0 {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd")
            .map_err(|error| format!("/etc/passwd cannot be read: {error}"))?;
        let nobody = users.lines().find_map(|line| {
            let mut parts = line.strip_prefix("nobody:")?.split(':').skip(1);
            let id = parts.next()?.parse().ok()?;
            let group = parts.next()?.parse().ok()?;
            Some(Self { id, group })
        });
        let nobody = nobody.ok_or("there is no user `nobody` in /etc/passwd")?;
        Ok(Some(nobody))
    }

    /// Has a command run as this user.
    pub(super) fn runs(self, command: &mut std::process::Command) {
        use std::os::unix::process::CommandExt;

        command.uid(self.id).gid(self.group);
    }

    /// Gives a directory or file away.
    pub(super) fn owns(self, path: &Path) -> Result<(), String> {
        std::os::unix::fs::chown(path, Some(self.id), Some(self.group))
            .map_err(|error| format!("{} cannot be given away: {error}", path.display()))
    }
}

/// [`home`], or where others may not go there, a place that everybody reaches.
#[cfg(feature = "postgres")]
pub(super) fn public_home() -> Result<PathBuf, String> {
    use std::os::unix::fs::MetadataExt;

    let home = home()?;
    let open = |dir: &Path| fs::metadata(dir).is_ok_and(|dir| dir.mode() & 0o001 != 0);
    if home.ancestors().all(open) {
        return Ok(home);
    }
    let public = std::env::temp_dir().join("larder-redis");
    create(&public)?;
    Ok(public)
}

/// As [`run_dir`], in [`public_home`].
#[cfg(feature = "postgres")]
pub(super) fn public_run_dir() -> Result<PathBuf, String> {
    static OURS: OnceLock<Result<(PathBuf, File), String>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let public = public_home()?;
    if public == home()? {
        return run_dir();
    }
    let claim = || claim_run_dir(&public);
    let (ours, _) = OURS.get_or_init(claim).as_ref().map_err(Clone::clone)?;
    let dir = ours.join(NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
    create(&dir)?;
    Ok(dir)
}

/// Does `work` while no other process, and no other thread, does any under the same lock.
pub(super) fn exclusively<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let _held = lock(path)?;
    work()
}

fn lock(path: &Path) -> Result<File, String> {
    let file = File::create(path).and_then(|file| file.lock().map(|()| file));
    file.map_err(|error| format!("{} cannot be locked: {error}", path.display()))
}

/// Makes a directory and those above it.
pub(super) fn create(dir: &Path) -> Result<(), String> {
    fs::create_dir_all(dir).map_err(|error| format!("{} cannot be made: {error}", dir.display()))
}

/// Empties a directory, or makes it.
pub(super) fn create_empty(dir: &Path) -> Result<(), String> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{} cannot be removed: {error}", dir.display()))
        }
        _ => create(dir),
    }
}

/// Writes a file.
pub(super) fn write(path: &Path, content: &str) -> Result<(), String> {
    fs::write(path, content)
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// What is in a directory.
pub(super) fn listed(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    entries.map_err(|error| format!("{} cannot be read: {error}", dir.display()))
}

/// A short name for what something is made of: another content, another name.
pub(super) fn fingerprint(content: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
