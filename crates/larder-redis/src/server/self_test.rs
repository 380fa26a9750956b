//! Whether the search module does what queries rely on: ten objects, a temporary index, and what
//! must be found.
//!
//! The names of the checks are those of the experiments that found them.

use std::collections::BTreeSet;
use std::time::Duration;

use larder_core::{Error, ErrorKind};
use redis::{Cmd, Pipeline, Value};

use super::{get, items, text};
use crate::error;
use crate::link::connection::{Connection, Failure};
use crate::link::random;

/// The marks of the first and the second text field, and the end of each word.
const A: char = '\u{81}';
const B: char = '\u{82}';
const END: char = '\u{80}';
/// The frame of an exact value.
const STX: char = '\u{2}';
const ETX: char = '\u{3}';
/// What is left behind by a program that was killed goes after this.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// Why the test did not pass.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection failed.
    Lost(Error),
    /// The server refused for a reason that may pass.
    NotTested(Error),
    /// The user may not, in the server's words.
    NotPermitted(String),
    /// The check of this name was answered otherwise.
    Differs(&'static str),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost(error) => Self::Lost(error),
            Failure::Refused(refusal) => Self::from(&refusal),
        }
    }
}

impl From<&redis::ServerError> for Fault {
    fn from(refusal: &redis::ServerError) -> Self {
        let error = error::of_server(refusal);
        match error.kind() {
            ErrorKind::InvalidConfig => {
                Self::NotPermitted(refusal.details().unwrap_or("no reason given").to_owned())
            }
            ErrorKind::Internal => Self::NotTested(error::new(
                ErrorKind::Unsupported,
                format!(
                    "the search module could not be tested, so there are no queries: {}",
                    error.message()
                ),
            )),
            _ => Self::NotTested(error),
        }
    }
}

/// Tests the server, and leaves nothing behind.
pub(super) async fn run(
    connection: &Connection,
    deadline: Duration,
    tag: &str,
) -> Result<(), Fault> {
    let name = format!("{tag}:~selftest-{:016x}", random());
    let tested = test(connection, deadline, &name).await;
    let mut clean = redis::pipe();
    clean.cmd("FT.DROPINDEX").arg(&name);
    clean
        .cmd("UNLINK")
        .arg((0..PROBES.len()).map(|i| key(&name, i)).collect::<Vec<_>>());
    let cleaned = connection.many(deadline, &clean).await;
    tested?;
    cleaned?;
    Ok(())
}

async fn test(connection: &Connection, deadline: Duration, name: &str) -> Result<(), Fault> {
    connection.one(deadline, &create(name)).await?;
    let answers = connection.many(deadline, &probes(name)).await?;
    refused(&answers)?;
    let mut searches = redis::pipe();
    for check in CHECKS {
        searches.add_command(search(name, check));
    }
    for order in ["ASC", "DESC"] {
        searches.add_command(sorted(name, order));
    }
    let answers = connection.many(deadline, &searches).await?;
    refused(&answers)?;
    for (check, answer) in CHECKS.iter().zip(&answers) {
        let found: BTreeSet<usize> = rows(name, answer)
            .ok_or(Fault::Differs(check.name))?
            .into_iter()
            .collect();
        let least = check.found.iter().all(|probe| found.contains(probe));
        let most = found
            .iter()
            .all(|probe| check.found.contains(probe) || check.perhaps.contains(probe));
        if !least || !most {
            return Err(Fault::Differs(check.name));
        }
    }
    // R3: by one key, those without it last in both directions.
    for (answer, order) in answers
        .iter()
        .skip(CHECKS.len())
        .zip([&ASCENDING, &DESCENDING])
    {
        let found = rows(name, answer).ok_or(Fault::Differs("R3"))?;
        let (sorted, missing) = found.split_at(found.len().min(order.len()));
        let missing: BTreeSet<usize> = missing.iter().copied().collect();
        if sorted != order.as_slice() || missing != WITHOUT_NUMBER.into_iter().collect() {
            return Err(Fault::Differs("R3"));
        }
    }
    Ok(())
}

/// The first refusal among the answers.
fn refused(answers: &[Value]) -> Result<(), Fault> {
    for answer in answers {
        if let Value::ServerError(refusal) = answer {
            return Err(refusal.into());
        }
    }
    Ok(())
}

fn key(name: &str, probe: usize) -> String {
    format!("{name}:{probe}")
}

fn create(name: &str) -> Cmd {
    let mut create = redis::cmd("FT.CREATE");
    create
        .arg(name)
        .arg(&["ON", "HASH", "PREFIX", "1"])
        .arg(format!("{name}:"))
        .arg(&["FILTER", "@_p==\"x\"", "TEMPORARY"])
        .arg(LEFT_BEHIND.as_secs())
        .arg(&["NOHL", "STOPWORDS", "0", "SKIPINITIALSCAN", "SCHEMA"])
        .arg(&["g", "TAG", "SEPARATOR", "\u{1f}", "CASESENSITIVE"])
        .arg(&["_exp", "NUMERIC", "n", "NUMERIC"])
        .arg(&["a", "TEXT", "NOSTEM", "b", "TEXT", "NOSTEM"]);
    create
}

/// One object: its words, its exact values, its number and its moment of expiry.
struct Probe {
    a: &'static [&'static str],
    b: &'static [&'static str],
    g: &'static [&'static str],
    n: Option<&'static str>,
    expires: Option<&'static str>,
    /// What it was before it was overwritten, and what it is: `x` is indexed.
    versions: &'static [&'static str],
}

const PROBE: Probe = Probe {
    a: &[],
    b: &[],
    g: &[],
    n: None,
    expires: None,
    versions: &["x"],
};

/// `\u{E000}\u{E509}` is how the tokens have `É`, which no engine may fold; `é` stands as it is.
const PROBES: [Probe; 10] = [
    Probe {
        a: &["dd", "bca", "\u{E000}\u{E509}t\u{e9}"],
        g: &["a-b", "x y"],
        n: Some("3"),
        ..PROBE
    },
    Probe {
        a: &["dd"],
        b: &["cc"],
        g: &["A-B"],
        n: Some("1"),
        expires: Some("999"),
        ..PROBE
    },
    Probe {
        a: &["bac", "dd", "cc"],
        g: &["x\u{4}\u{e}\u{1e}y"],
        expires: Some("1001"),
        ..PROBE
    },
    Probe {
        a: &["dd", "dd", "\u{e9}t\u{e9}"],
        b: &["bda"],
        n: Some("2"),
        ..PROBE
    },
    Probe {
        a: &["bda", "aab"],
        b: &["dd", "cc"],
        g: &["x"],
        n: Some("-1"),
        expires: Some("1000"),
        ..PROBE
    },
    // Once of another version, and now of this one.
    Probe {
        a: &["running"],
        g: &["a-b"],
        versions: &["y", "x"],
        ..PROBE
    },
    // Once of this version, and now of another.
    Probe {
        a: &["dd", "bca"],
        g: &["a-b"],
        n: Some("3"),
        versions: &["x", "y"],
        ..PROBE
    },
    // Never of this version.
    Probe {
        a: &["dd", "bca"],
        g: &["a-b"],
        n: Some("3"),
        versions: &["y"],
        ..PROBE
    },
    Probe {
        a: &["run", "cc"],
        b: &["dd"],
        g: &["x y", "a-b"],
        n: Some("1e300"),
        ..PROBE
    },
    Probe {
        b: &["cc"],
        g: &["z"],
        n: Some("0.5"),
        ..PROBE
    },
];

const ASCENDING: [usize; 6] = [4, 9, 1, 3, 0, 8];
const DESCENDING: [usize; 6] = [8, 0, 3, 1, 9, 4];
const WITHOUT_NUMBER: [usize; 2] = [2, 5];

fn probes(name: &str) -> Pipeline {
    let mut pipeline = redis::pipe();
    for (i, probe) in PROBES.iter().enumerate() {
        let key = key(name, i);
        for version in probe.versions {
            let write = pipeline.cmd("HSET").arg(&key).arg("_p").arg(version);
            for (field, mark, words) in [("a", A, probe.a), ("b", B, probe.b)] {
                if !words.is_empty() {
                    let words: Vec<_> = words.iter().map(|word| token(mark, word)).collect();
                    write.arg(field).arg(words.join(" "));
                }
            }
            if !probe.g.is_empty() {
                let values: Vec<_> = probe.g.iter().map(|value| framed(value)).collect();
                write.arg("g").arg(values.join("\u{1f}"));
            }
            for (field, value) in [("n", probe.n), ("_exp", probe.expires)] {
                if let Some(value) = value {
                    write.arg(field).arg(value);
                }
            }
        }
        pipeline.cmd("EXPIRE").arg(&key).arg(LEFT_BEHIND.as_secs());
    }
    pipeline
}

fn token(mark: char, word: &str) -> String {
    format!("{mark}{word}{END}")
}

fn framed(value: &str) -> String {
    format!("{STX}{value}{ETX}")
}

/// A query and the probes that it must find.
struct Check {
    name: &'static str,
    query: &'static str,
    /// The values of `$p`, `$q`, ..
    parameters: &'static [&'static str],
    found: &'static [usize],
    /// What it may find besides.
    perhaps: &'static [usize],
}

const fn check(
    name: &'static str,
    query: &'static str,
    parameters: &'static [&'static str],
    found: &'static [usize],
) -> Check {
    Check {
        name,
        query,
        parameters,
        found,
        perhaps: &[],
    }
}

const CHECKS: &[Check] = &[
    // T2: letters are neither folded nor joined, in words, prefixes, suffixes and infixes.
    check(
        "T2",
        "@a:$p",
        &["\u{81}\u{E000}\u{E509}t\u{e9}\u{80}"],
        &[0],
    ),
    check("T2", "@a:$p", &["\u{81}\u{e9}t\u{e9}\u{80}"], &[3]),
    check("T2", "@a:$p*", &["\u{81}\u{E000}\u{E509}"], &[0]),
    check("T2", "@a:$p*", &["\u{81}\u{e9}"], &[3]),
    check("T2", "@a:*$p", &["t\u{e9}\u{80}"], &[0, 3]),
    check("T2", "@a:*$p*", &["\u{E509}t"], &[0]),
    check("T2", "@a:w'$p'", &["\u{81}*t\u{e9}\u{80}"], &[0, 3]),
    check("T2", "@a:%$p%", &["\u{81}\u{e9}ta\u{80}"], &[3]),
    // T3: a phrase is one of its field.
    check("T3", "@a:\"\u{81}dd\u{80} \u{81}cc\u{80}\"", &[], &[2]),
    check("T3", "@b:\"\u{82}dd\u{80} \u{82}cc\u{80}\"", &[], &[4]),
    // T4: what another field holds does not count against a NOT.
    check(
        "T4",
        "(-(@b:$p)) (-(@a:$q))",
        &["\u{82}cc\u{80}", "\u{81}running\u{80}"],
        &[0, 2, 3, 8],
    ),
    // T5: fuzzy is the edit distance and no more.
    check("T5", "@a:%$p%", &["\u{81}bca\u{80}"], &[0, 4]),
    check("T5", "@a:%%$p%%", &["\u{81}bca\u{80}"], &[0, 2, 4, 8]),
    // T7: words are not stemmed.
    check("T7", "@a:$p", &["\u{81}running\u{80}"], &[5]),
    check("T7", "@a:$p", &["\u{81}run\u{80}"], &[8]),
    // T8b: a phrase that repeats a word finds what it should, and at most what has the word.
    Check {
        perhaps: &[0, 1, 2],
        ..check("T8b", "@a:\"\u{81}dd\u{80} \u{81}dd\u{80}\"", &[], &[3])
    },
    // G2, G4: exact values are exact, by parameter.
    check("G4", "@g:{$p}", &["\u{2}a-b\u{3}"], &[0, 5, 8]),
    check("G4", "@g:{$p}", &["\u{2}A-B\u{3}"], &[1]),
    check("G4", "@g:{$p}", &["\u{2}x y\u{3}"], &[0, 8]),
    check(
        "G4",
        "@g:{$p|$q}",
        &["\u{2}x\u{4}\u{e}\u{1e}y\u{3}", "\u{2}x\u{3}"],
        &[2, 4],
    ),
    check("G4", "@g:{$p*}", &["\u{2}x"], &[0, 2, 4, 8]),
    check("G4", "@g:{*$p}", &["y\u{3}"], &[0, 2, 8]),
    check("G4", "@g:{w'$p'}", &["\u{2}x*y\u{3}"], &[0, 2, 8]),
    // N2: numbers are ranges with open and closed ends.
    check("N2", "@n:[(1 +inf]", &[], &[0, 3, 8]),
    check("N2", "@n:[-inf 1]", &[], &[1, 4, 9]),
    check("N2", "@n:[3 3]", &[], &[0]),
    // B1: an OR of ANDs of ORs of conditions and their negations.
    check(
        "B1",
        "(((@a:$p) | (-(@g:{$q}))) ((@n:[2 +inf]) | (-(@b:$r)))) | (((@n:[-inf 0]) | (@b:$s)) ((-(@a:$p)) | (@g:{$q})))",
        &[
            "\u{81}dd\u{80}",
            "\u{2}a-b\u{3}",
            "\u{82}cc\u{80}",
            "\u{82}dd\u{80}",
        ],
        &[0, 2, 3, 4, 8],
    ),
    // B3: a NOT alone is all that does not match, what lacks the field among it.
    check("B3", "-(@g:{$p})", &["\u{2}a-b\u{3}"], &[1, 2, 3, 4, 9]),
    check("B3", "-(@n:[-inf +inf])", &[], &[2, 5]),
    // L1: what expires is out at its moment; what does not, and what does later, is in.
    check("L1", "(-(@_exp:[-inf 1000]))", &[], &[0, 2, 3, 5, 8, 9]),
    check(
        "L1",
        "((@a:$p) (-(@_exp:[-inf 1000]))) | ((@n:[1 1]) (-(@_exp:[-inf 1000])))",
        &["\u{81}dd\u{80}"],
        &[0, 2, 3],
    ),
];

fn search(name: &str, check: &Check) -> Cmd {
    let mut search = redis::cmd("FT.SEARCH");
    search
        .arg(name)
        .arg(check.query)
        .arg(&["NOCONTENT", "VERBATIM"]);
    search.arg(&["LIMIT", "0", "20"]);
    if !check.parameters.is_empty() {
        search.arg("PARAMS").arg(check.parameters.len() * 2);
        for (parameter, value) in ["p", "q", "r", "s"].into_iter().zip(check.parameters) {
            search.arg(parameter).arg(value);
        }
    }
    search.arg(&["DIALECT", "2", "TIMEOUT", "10000"]);
    search
}

fn sorted(name: &str, order: &str) -> Cmd {
    let mut search = redis::cmd("FT.SEARCH");
    search
        .arg(name)
        .arg(&["*", "NOCONTENT", "SORTBY", "n", order])
        .arg(&["LIMIT", "0", "20", "DIALECT", "2", "TIMEOUT", "10000"]);
    search
}

/// The probes that an answer lists; nothing if it is no list of probes.
fn rows(name: &str, answer: &Value) -> Option<Vec<usize>> {
    let rows = items(get(answer, "results")?).iter().map(|row| {
        let id = text(get(row, "id")?)?;
        id.strip_prefix(name)?.strip_prefix(':')?.parse().ok()
    });
    rows.collect()
}
