//! The life of an index: made, waited for, made anew when it is gone, dropped when unused.
//!
//! Each version of a model has an index of its own over the same keys, and takes in only entries
//! with its fingerprint; so programs of two versions work side by side.
//!
//! It is asked by a second name (an alias) that ends when it is dropped. A program that knows its
//! index to be complete would else not notice that another program made it anew, and take the
//! rows of a scan that is still on for all there are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_core::{Error, ErrorKind, Kind, Result, Schema};
use redis::{Cmd, Value, cmd};

use crate::error;
use crate::fields::{Exact, exact};
use crate::layout::{ABSENT, END, EXPIRY, FINGERPRINT, ID, Layout, NIL, RANK, STAMP, TAGS};
use crate::link::{Session, random};
use crate::reply::{self, unexpected};

/// The most fields that a RediSearch index can have.
const MAX_ATTRIBUTES: usize = 1_024;
/// How often a use of an index is written down.
pub(crate) const REGISTER_EVERY: Duration = Duration::from_secs(60);
/// How long to wait between two looks at an index that is being built.
const PAUSE: Duration = Duration::from_millis(10);

/// One attribute of an index: its name and what stands behind it in the command.
type Attribute = (String, &'static [&'static str]);

const TAG: &[&str] = &["TAG", "SEPARATOR", "\u{1f}", "CASESENSITIVE"];
/// Kept for sorting and not searched. The server wants the options in this order.
const SORTED: &[&str] = &[
    "TAG",
    "SEPARATOR",
    "\u{1f}",
    "CASESENSITIVE",
    "SORTABLE",
    "UNF",
    "NOINDEX",
];
const NUMERIC: &[&str] = &["NUMERIC"];
const COORDINATE: &[&str] = &["NUMERIC", "SORTABLE", "NOINDEX"];
const TEXT: &[&str] = &["TEXT", "NOSTEM"];

/// The attributes that the index of a schema has.
fn attributes(schema: &Schema) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = vec![
        (NIL.to_owned(), TAG),
        (EXPIRY.to_owned(), NUMERIC),
        (END.to_owned(), NUMERIC),
        (ABSENT.to_owned(), NUMERIC),
        (STAMP.to_owned(), NUMERIC),
        (TAGS.to_owned(), TAG),
        (ID.to_owned(), SORTED),
        // In every hash, too: one without any field that is searched would not be in the index.
        (RANK.to_owned(), NUMERIC),
    ];
    for (i, spec) in schema.fields().iter().enumerate() {
        let mut add = |name: char, kind| attributes.push((format!("{name}{i}"), kind));
        if spec.text.is_some() {
            add('t', TEXT);
        }
        if spec.sort {
            add('a', SORTED);
            add('d', SORTED);
        }
        if !spec.index {
            continue;
        }
        match exact(spec) {
            Exact::Tag => add('g', TAG),
            Exact::Number => {
                add('n', NUMERIC);
                // Days since 1970 are few.
                if spec.kind != Kind::Date {
                    add('r', NUMERIC);
                }
            }
            Exact::Point => {
                add('y', NUMERIC);
                add('x', NUMERIC);
                add('u', COORDINATE);
                add('o', COORDINATE);
                add('w', COORDINATE);
            }
        }
    }
    attributes
}

/// Checks what only a server could refuse.
///
/// # Errors
/// `InvalidModel` if the index would have more attributes than RediSearch allows.
pub(crate) fn check(schema: &Schema) -> Result<()> {
    let count = attributes(schema).len();
    if count <= MAX_ATTRIBUTES {
        return Ok(());
    }
    Err(Error::invalid_model(format!(
        "the model's fields take {count} attributes of an index, and RediSearch allows {MAX_ATTRIBUTES}; declare fewer of them `index`, `sort` and `text` at once"
    ))
    .with_model(schema.name()))
}

fn create(layout: &Layout, schema: &Schema) -> Cmd {
    let mut create = cmd("FT.CREATE");
    create
        .arg(&layout.index)
        .arg(&["ON", "HASH", "PREFIX", "1"])
        .arg(&layout.prefix)
        .arg("FILTER")
        .arg(format!("@{FINGERPRINT}==\"{}\"", layout.fingerprint))
        .arg(&["NOHL", "STOPWORDS", "0", "SCHEMA"]);
    for (name, kind) in attributes(schema) {
        create.arg(name).arg(kind);
    }
    create
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It holds every entry.
    Complete,
    /// The server is still taking entries in.
    Scanning,
}

/// Makes sure that the index is there and is what the schema asks for, and waits until it holds
/// every entry, or until `patience` ends. Answers the name to ask it by, too.
pub(crate) async fn ensure(
    session: &Session,
    deadline: Duration,
    layout: &Layout,
    schema: &Schema,
    patience: Duration,
) -> Result<(Progress, String)> {
    for attempt in 0.. {
        match info(session, deadline, &layout.index).await? {
            Some(info) if has_attributes(&info, schema) => break,
            Some(_) if attempt > 2 => {
                return Err(Error::internal(format!(
                    "the index {} has other attributes than it was made with, again and again; another program makes it otherwise",
                    layout.index
                ))
                .with_store("redis"));
            }
            Some(_) => {
                session
                    .one(deadline, cmd("FT.DROPINDEX").arg(&layout.index))
                    .await?;
            }
            None => make(session, deadline, layout, schema).await?,
        }
    }
    let name = name(session, deadline, layout).await?;
    let progress = tokio::time::timeout(patience, wait(session, deadline, &name))
        .await
        .unwrap_or(Ok(Progress::Scanning))?;
    Ok((progress, name))
}

/// The name to ask the index by: one that another program gave it and wrote down, or a new one.
async fn name(session: &Session, deadline: Duration, layout: &Layout) -> Result<String> {
    let mut pipe = redis::pipe();
    pipe.cmd("HGET").arg(&layout.names).arg(&layout.index);
    let known = session.run(deadline, &pipe).await?.pop();
    let known = known.and_then(reply::into_bytes);
    if let Some(known) = known.and_then(|known| String::from_utf8(known).ok())
        && info(session, deadline, &known).await?.is_some()
    {
        return Ok(known);
    }
    let name = format!("{}#{:016x}", layout.index, random());
    let mut pipe = redis::pipe();
    pipe.cmd("FT.ALIASUPDATE").arg(&name).arg(&layout.index);
    pipe.cmd("HSET")
        .arg(&layout.names)
        .arg(&layout.index)
        .arg(&name);
    let answers = session.run(deadline, &pipe).await?;
    match answers.first() {
        // A replica refuses, and so does a server that is full. The index has a name all the same.
        Some(Value::ServerError(_)) => Ok(layout.index.clone()),
        _ => Ok(name),
    }
}

async fn make(
    session: &Session,
    deadline: Duration,
    layout: &Layout,
    schema: &Schema,
) -> Result<()> {
    let mut pipe = redis::pipe();
    pipe.add_command(create(layout, schema));
    pipe.cmd("FT.ALIASUPDATE")
        .arg(&layout.alias)
        .arg(&layout.index);
    let answers = session.run(deadline, &pipe).await?;
    match answers.first() {
        Some(Value::ServerError(cause))
            // Another program was quicker: what it made is looked at next.
            if !cause.details().unwrap_or(cause.code()).contains("already exists") =>
        {
            Err(error::of_server(cause))
        }
        _ => Ok(()),
    }
}

async fn wait(session: &Session, deadline: Duration, name: &str) -> Result<Progress> {
    loop {
        let Some(info) = info(session, deadline, name).await? else {
            // Gone again: the next query makes it anew.
            return Ok(Progress::Scanning);
        };
        if progress(&info) == Progress::Complete {
            return Ok(Progress::Complete);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the server tells of the index; `None` if there is none.
pub(crate) async fn info(
    session: &Session,
    deadline: Duration,
    name: &str,
) -> Result<Option<Value>> {
    let mut pipe = redis::pipe();
    pipe.cmd("FT.INFO").arg(name);
    match session.run(deadline, &pipe).await?.pop() {
        Some(Value::ServerError(cause)) if error::is_no_such_index(&cause) => Ok(None),
        Some(Value::ServerError(cause)) => Err(error::of_server(&cause)),
        Some(info) => Ok(Some(info)),
        None => Err(unexpected("FT.INFO")),
    }
}

/// How far the index is by what [`info`] tells.
pub(crate) fn progress(info: &Value) -> Progress {
    let is = |name: &str, wanted: f64| {
        reply::get(info, name)
            .and_then(reply::float)
            .is_some_and(|found| found == wanted)
    };
    if is("indexing", 0.0) && is("percent_indexed", 1.0) {
        Progress::Complete
    } else {
        Progress::Scanning
    }
}

fn has_attributes(info: &Value, schema: &Schema) -> bool {
    let Some(Value::Array(found)) = reply::get(info, "attributes") else {
        return false;
    };
    let wanted = attributes(schema);
    found.len() == wanted.len()
        && found.iter().zip(&wanted).all(|(found, (name, kind))| {
            let is = |field: &str, wanted: &str| {
                reply::get(found, field)
                    .and_then(reply::bytes)
                    .is_some_and(|found| found == wanted.as_bytes())
            };
            is("identifier", name) && is("type", kind[0])
        })
}

/// The real time, for what all programs have to agree on.
fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The command that writes down that the index is in use.
pub(crate) fn register(layout: &Layout) -> Cmd {
    let mut register = cmd("ZADD");
    register
        .arg(&layout.register)
        .arg(seconds())
        .arg(&layout.index);
    register
}

/// The names of the model's indexes of other versions.
pub(crate) async fn registered(
    session: &Session,
    deadline: Duration,
    layout: &Layout,
) -> Result<Vec<String>> {
    let mut range = cmd("ZRANGE");
    range.arg(&layout.register).arg(0).arg(-1);
    let Value::Array(names) = session.one(deadline, &range).await? else {
        return Err(unexpected("ZRANGE"));
    };
    let names = names.into_iter().filter_map(reply::into_bytes);
    let names = names.filter_map(|name| String::from_utf8(name).ok());
    Ok(names.filter(|name| *name != layout.index).collect())
}

/// Drops the model's indexes of other versions that no program has used for so long. Their
/// entries stay until they expire.
pub(crate) async fn drop_unused(
    session: &Session,
    deadline: Duration,
    layout: &Layout,
    unused: Duration,
) -> Result<()> {
    if session.facts().replica {
        // That is for those who write to its primary.
        return Ok(());
    }
    let since = seconds().saturating_sub(unused.as_secs());
    let mut range = cmd("ZRANGEBYSCORE");
    range
        .arg(&layout.register)
        .arg("-inf")
        .arg(format!("({since}"));
    let Value::Array(names) = session.one(deadline, &range).await? else {
        return Ok(());
    };
    let own = layout.index.as_bytes();
    let mut pipe = redis::pipe();
    for name in names
        .iter()
        .filter_map(reply::bytes)
        .filter(|name| *name != own)
    {
        pipe.cmd("FT.DROPINDEX").arg(name);
        pipe.cmd("ZREM").arg(&layout.register).arg(name);
        pipe.cmd("HDEL").arg(&layout.names).arg(name);
    }
    if pipe.is_empty() {
        return Ok(());
    }
    let answers = session.run(deadline, &pipe).await?;
    let failed = answers.iter().find_map(|answer| match answer {
        Value::ServerError(cause) if !error::is_no_such_index(cause) => Some(cause),
        _ => None,
    });
    failed.map_or(Ok(()), |cause| Err(error::of_server(cause)))
}

/// The error of a store without RediSearch.
pub(crate) fn unsupported(operation: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "{operation} needs a server with RediSearch: Redis 8, Redis Stack, or the module RediSearch 2.10 loaded into Redis or Valkey; objects by id work without"
        ),
    )
    .with_store("redis")
}
