//! A program that does not outlive the process which started it, however that ends.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// What stands between us and the program. Its standard input is a pipe whose other end only we
/// hold: the kernel closes it when we end, by SIGKILL too, and the program is killed then.
///
/// Not `setpriv --pdeathsig`: that signal comes when the *thread* that started the program ends,
/// and every test has a thread of its own. And `sh` is on every machine that has a Unix.
///
/// Ctrl-C reaches it as well as us; it must live on to do its work.
const WATCHER: &str = r#"
trap '' INT TERM HUP
signal=$1; log=$2; shift 2
exec 3<&0 </dev/null
"$@" >>"$log" 2>&1 3<&- &
program=$!
{ read -r _ <&3; kill -"$signal" "$program"; } >/dev/null 2>&1 &
leash=$!
exec 3<&-
echo "$program"
wait "$program"
status=$?
kill -9 "$leash" 2>/dev/null
exit "$status"
"#;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub(super) struct Guarded {
    watcher: Child,
    leash: Option<ChildStdin>,
    process: u32,
}

impl Guarded {
    /// Starts `program` in `dir`, with what it says added to the file `log`.
    pub(super) fn start(
        program: &Path,
        arguments: &[&OsStr],
        dir: &Path,
        log: &Path,
    ) -> Result<Self, String> {
        let mut sh = Command::new("sh");
        sh.args(["-c", WATCHER, "watcher", "KILL"]);
        sh.arg(log).arg(program).args(arguments).current_dir(dir);
        Self::watched(sh)
    }

    /// Starts `program` as another user, if one is named. It is ended by SIGQUIT, and has to end
    /// of that: to a program that leaves things behind when it is killed.
    #[cfg(feature = "postgres")]
    pub(super) fn start_as(
        user: Option<super::place::User>,
        program: &Path,
        arguments: &[&OsStr],
        dir: &Path,
        log: &Path,
    ) -> Result<Self, String> {
        let mut sh = Command::new("sh");
        sh.args(["-c", WATCHER, "watcher", "QUIT"]);
        sh.arg(log).arg(program).args(arguments).current_dir(dir);
        if let Some(user) = user {
            user.runs(&mut sh);
        }
        Self::watched(sh)
    }

    fn watched(mut sh: Command) -> Result<Self, String> {
        let mut watcher = sh
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("sh does not start: {error}"))?;
        let leash = watcher.stdin.take();
        let mut line = String::new();
        if let Some(said) = watcher.stdout.take() {
            // An error leaves the line empty, which is told below.
            let _ = BufReader::new(said).read_line(&mut line);
        }
        let process = line.trim().parse();
        let process = process.map_err(|_| format!("sh named no process, but said {line:?}"))?;
        Ok(Self {
            watcher,
            leash,
            process,
        })
    }

    /// The number of the process.
    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// Whether it runs, or is stopped.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.watcher.try_wait(), Ok(None))
    }

    /// Stops the process where it stands, by SIGSTOP.
    pub(super) fn pause(&self) -> Result<(), String> {
        self.signal("STOP")?;
        // A signal is delivered a moment after it was sent. Where the kernel shows a process's
        // state we look until it is stopped, a second at most.
        let stat = format!("/proc/{}/stat", self.process);
        for _ in 0..1_000 {
            let Ok(stat) = fs::read_to_string(&stat) else {
                break;
            };
            // The state follows the name, which is in parentheses and may hold some itself.
            let state = stat.rsplit(')').next().map(str::trim_start);
            if state.is_some_and(|state| state.starts_with('T')) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Lets the process go on, by SIGCONT.
    pub(super) fn resume(&self) -> Result<(), String> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<(), String> {
        // The shell's own `kill`: that of /bin is missing from small images.
        let status = Command::new("sh")
            .args(["-c", r#"kill -"$1" "$2""#, "kill", name])
            .arg(self.process.to_string())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("kill -{name} {} failed: {other:?}", self.process)),
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The watcher sees its pipe closed, kills the program with SIGKILL, and ends when that is
        // gone. There is nobody to tell that it could not be waited for.
        drop(self.leash.take());
        let _ = self.watcher.wait();
    }
}
