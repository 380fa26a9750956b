//! The table: a header that says where it comes from, and one line a figure.

use std::fmt;
use std::process::Command;
use std::time::SystemTime;

use crate::args::Scale;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// To be seen, not to be reached.
    None,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Times,
    Micros,
    Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Short,
    Seen,
    NotMeasured,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    measured: Option<(f64, Unit)>,
    goal: Goal,
    note: String,
}

impl Row {
    pub(crate) fn new(
        what: impl Into<String>,
        measured: f64,
        unit: Unit,
        goal: Goal,
        note: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            measured: Some((measured, unit)),
            goal,
            note: note.into(),
        }
    }

    /// A ratio, with the two sides as a note.
    pub(crate) fn ratio(
        what: impl Into<String>,
        ratio: f64,
        goal: Goal,
        (first, second): (f64, f64),
    ) -> Self {
        let note = format!("{} / {}", nanos(first), nanos(second));
        Self::new(what, ratio, Unit::Times, goal, note)
    }

    /// Says one more thing at its end.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.note = format!("{}, {note}", self.note);
        self
    }

    pub(crate) fn failed(why: &str) -> Self {
        Self {
            what: String::new(),
            measured: None,
            goal: Goal::None,
            note: why.to_owned(),
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let Some((measured, _)) = self.measured else {
            return Verdict::NotMeasured;
        };
        let reached = match self.goal {
            Goal::None => return Verdict::Seen,
            Goal::AtMost(goal) => measured <= goal,
            Goal::AtLeast(goal) => measured >= goal,
        };
        if reached { Verdict::Ok } else { Verdict::Short }
    }

    pub(crate) fn line(&self, id: &str) -> String {
        let unit = self.measured.map(|(_, unit)| unit);
        let number = |number: f64| match unit {
            Some(Unit::Micros) => format!("{number:.0} us"),
            Some(Unit::Millis) => format!("{number:.1} ms"),
            Some(Unit::Times) | None => format!("{number:.2}x"),
        };
        let goal = match self.goal {
            Goal::AtMost(goal) => format!("<= {}", number(goal)),
            Goal::AtLeast(goal) => format!(">= {}", number(goal)),
            Goal::None => "-".to_owned(),
        };
        let measured = self
            .measured
            .map_or_else(|| "-".to_owned(), |(measured, _)| number(measured));
        format!(
            "{id:<4} {:<48} {measured:>9} {goal:>10}  {:<12} {}",
            self.what,
            self.verdict().to_string(),
            self.note
        )
        .trim_end()
        .to_owned()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Short => "short",
            Self::Seen => "-",
            Self::NotMeasured => "NOT MEASURED",
        })
    }
}

/// A time as people read it.
pub(crate) fn nanos(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e3 => format!("{nanos:.0} ns"),
        _ if nanos < 1e6 => format!("{:.1} us", nanos / 1e3),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}

/// Where and when this was measured, and the heads of the columns.
pub(crate) fn header(scale: &Scale) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("cpu unknown", |(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{}, {cores} cores of {cpu} (load {load}), commit {}, {}\n\
         {} users, pages of 20; every ratio is the median over interleaved rounds.\n\
         The times at the end are medians too; only ratios are worth quoting.\n\
         {:<4} {:<48} {:>9} {:>10}  {:<12} ours / theirs",
        humantime::format_rfc3339_seconds(SystemTime::now()),
        output("git", &["describe", "--always", "--dirty", "--exclude=*"]),
        output("rustc", &["--version"]),
        scale.objects,
        "id",
        "figure",
        "measured",
        "goal",
        "",
    )
}

fn output(program: &str, args: &[&str]) -> String {
    Command::new(program)
        .args(args)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || format!("{program} unknown"),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}
