//! What is done by Python: fetching packages, and programs of other makers to compare with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::place;

/// Runs a command of Python to its end; an error tells what it said last.
pub(super) fn run(python: &Path, arguments: &[&str], dir: &Path) -> Result<(), String> {
    let output = Command::new(python)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output();
    let named = format!("`{} {}`", python.display(), arguments.join(" "));
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let from = said.trim_end().lines().rev().take(10);
            let mut said: Vec<_> = from.collect();
            said.reverse();
            Err(format!("{named} failed:\n{}", said.join("\n")))
        }
        Err(error) => Err(format!("{named} does not start: {error}")),
    }
}

/// The Python of a virtual environment with these packages, made once and kept under the target
/// directory. Pin each of them: `redis-om==0.3.5`. Other packages make another environment.
///
/// # Panics
/// If `python3` or its `venv` is missing, or the packages cannot be installed. Ask
/// [`offline`](super::offline) first.
pub fn python_venv(name: &str, packages: &[&str]) -> PathBuf {
    match make_venv(name, packages) {
        Ok(python) => python,
        Err(why) => panic!("no Python environment {name} for the tests: {why}"),
    }
}

fn make_venv(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let venvs = place::home()?.join("venvs");
    place::create(&venvs)?;
    let venv = venvs.join(format!("{name}-{}", place::fingerprint(packages)));
    let python = venv.join("bin/python");
    // It knows its own place, so it cannot be moved there when done; a mark says that it is.
    let done = venv.join("done");
    place::exclusively(&venvs.join("lock"), || {
        if done.is_file() {
            return Ok(());
        }
        place::say(&format!("making the Python environment {}", venv.display()));
        place::create_empty(&venv)?;
        let at = venv.display().to_string();
        run(Path::new("python3"), &["-m", "venv", &at], &venvs)?;
        if !packages.is_empty() {
            let mut install = vec!["-m", "pip", "install", "--no-input"];
            install.extend(["--disable-pip-version-check", "--"]);
            install.extend(packages);
            run(&python, &install, &venvs)?;
        }
        place::write(&done, "")
    })?;
    Ok(python)
}
