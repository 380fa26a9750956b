//! What the server at the other end is, and what it can do.

use std::time::Duration;

use larder_core::{Error, ErrorKind, Result};
use parking_lot::Mutex;
use redis::Value;

use crate::config::RedisBuilder;
use crate::error;
use crate::link::connection::Connection;

mod self_test;

/// How many terms a pattern may stand for: more than there are.
const ALL_TERMS: u64 = 1_000_000_000;
/// What holds where the server does not tell: its own defaults, of which the expansions are the
/// least of all versions.
const EXPANSIONS: u64 = 200;
const RESULTS: u64 = 1_000_000;

/// What was learnt of the server when the connection was made.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The version of its search module, if it has one: `21005` is 2.10.5.
    pub(crate) search: Option<u64>,
    /// Why it gets no queries, if it gets none.
    pub(crate) query_refused: Option<Error>,
    /// How many terms a pattern may stand for before the server leaves some out in silence.
    pub(crate) max_expansions: u64,
    /// The furthest row that a search can be asked for.
    pub(crate) max_search_results: u64,
    /// The furthest row that an aggregation can be asked for.
    pub(crate) max_aggregate_results: u64,
    /// `redis`, `valkey`, or what else it calls itself.
    pub(crate) server: String,
    pub(crate) version: String,
    /// Whether it is a node of a cluster.
    pub(crate) cluster: bool,
    /// Whether it only reads, since another is its primary.
    pub(crate) replica: bool,
    /// Differs from run to run of a server; empty where the user may not ask.
    pub(crate) id: String,
}

/// The server that the self-test ran against last, and what it found.
#[derive(Debug, Default)]
pub(crate) struct Tested(Mutex<Option<Verdict>>);

#[derive(Clone, Debug)]
struct Verdict {
    search: u64,
    id: String,
    refused: Option<Error>,
}

impl Facts {
    /// Asks the server, and raises its limits where that is allowed.
    ///
    /// # Errors
    /// `InvalidConfig` if it is no Redis; `Unavailable` while it cannot answer yet; what the
    /// connection fails with. What the user may not ask is not an error.
    pub(crate) async fn learn(
        connection: &Connection,
        config: &RedisBuilder,
        tag: &str,
        tested: &Tested,
    ) -> Result<Self> {
        let mut pipeline = redis::pipe();
        // Allowed to every user, where INFO, ROLE and MODULE are not.
        pipeline.cmd("HELLO");
        pipeline.cmd("INFO").arg("server");
        // Refused while the server loads, where the others are answered.
        pipeline.cmd("PING");
        let answers = connection.many(config.timeout, &pipeline).await?;
        let [hello, info, ping] = answers.as_slice() else {
            return Err(no_redis(connection));
        };
        if let Value::ServerError(refusal) = ping
            && refusal.code() != "NOPERM"
        {
            return Err(error::of_server(refusal));
        }
        let mut facts = Self::read(hello, info).ok_or_else(|| no_redis(connection))?;
        facts.learn_search(connection, config.timeout).await?;
        facts.query_refused = match facts.search {
            None => Some(no_module(&facts)),
            Some(_) if facts.replica => None,
            Some(search) => {
                facts
                    .test(search, connection, config.timeout, tag, tested)
                    .await?
            }
        };
        Ok(facts)
    }

    /// The facts that HELLO and INFO tell, the others as if there were no module.
    fn read(hello: &Value, info: &Value) -> Option<Self> {
        let info = text(info).unwrap_or_default();
        let line = |name: &str| {
            info.lines().find_map(|line| {
                let value = line.strip_prefix(name)?.strip_prefix(':')?;
                Some(value.trim().to_owned())
            })
        };
        let server = text(get(hello, "server")?)?;
        let valkey = line("valkey_version");
        let search = items(get(hello, "modules").unwrap_or(&Value::Nil))
            .iter()
            .find(|module| {
                let name = get(module, "name").and_then(text);
                name.is_some_and(|name| name.eq_ignore_ascii_case("search"))
            })
            .and_then(|module| get(module, "ver").and_then(number));
        Some(Self {
            search,
            query_refused: None,
            max_expansions: EXPANSIONS,
            max_search_results: RESULTS,
            max_aggregate_results: RESULTS,
            // A Valkey may call itself `redis` for the sake of old clients.
            server: if valkey.is_some() {
                "valkey".to_owned()
            } else {
                server
            },
            version: valkey
                .or_else(|| text(get(hello, "version")?))
                .unwrap_or_default(),
            cluster: get(hello, "mode").and_then(text).as_deref() == Some("cluster"),
            replica: get(hello, "role")
                .and_then(text)
                .is_some_and(|role| role != "master" && role != "primary"),
            id: line("run_id").unwrap_or_default(),
        })
    }

    /// Raises the limits of the search module and reads them back.
    async fn learn_search(&mut self, connection: &Connection, deadline: Duration) -> Result<()> {
        if self.search.is_none() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        for (name, value) in [
            ("MAXPREFIXEXPANSIONS", ALL_TERMS.to_string()),
            ("ON_TIMEOUT", "FAIL".to_owned()),
        ] {
            pipeline.cmd("FT.CONFIG").arg("SET").arg(name).arg(value);
        }
        for name in [
            "MAXPREFIXEXPANSIONS",
            "MAXSEARCHRESULTS",
            "MAXAGGREGATERESULTS",
        ] {
            pipeline.cmd("FT.CONFIG").arg("GET").arg(name);
        }
        let answers = connection.many(deadline, &pipeline).await?;
        let [_, _, expansions, search, aggregate] = answers.as_slice() else {
            return Err(no_redis(connection));
        };
        self.max_expansions = setting(expansions).unwrap_or(EXPANSIONS);
        self.max_search_results = setting(search).unwrap_or(RESULTS);
        self.max_aggregate_results = setting(aggregate).unwrap_or(RESULTS);
        if self.max_expansions < ALL_TERMS {
            // The name of newer versions.
            let mut pipeline = redis::pipe();
            for (name, value) in [
                ("search-max-prefix-expansions", ALL_TERMS.to_string()),
                ("search-on-timeout", "fail".to_owned()),
            ] {
                pipeline.cmd("CONFIG").arg("SET").arg(name).arg(value);
            }
            pipeline
                .cmd("CONFIG")
                .arg("GET")
                .arg("search-max-prefix-expansions");
            let answers = connection.many(deadline, &pipeline).await?;
            if let Some(expansions) = answers.last().and_then(setting) {
                self.max_expansions = expansions;
            }
        }
        Ok(())
    }

    /// Why the server gets no queries: what the self-test found, which runs once for each
    /// version and run of a server.
    async fn test(
        &self,
        search: u64,
        connection: &Connection,
        deadline: Duration,
        tag: &str,
        tested: &Tested,
    ) -> Result<Option<Error>> {
        let before = tested.0.lock().clone();
        if let Some(verdict) = before
            && verdict.search == search
            && verdict.id == self.id
            && !self.id.is_empty()
        {
            return Ok(verdict.refused);
        }
        let refused = match self_test::run(connection, deadline, tag).await {
            Ok(()) => None,
            Err(self_test::Fault::Lost(error)) => return Err(error),
            // A server that is full, say: it may be otherwise at the next connection.
            Err(self_test::Fault::NotTested(error)) => return Ok(Some(error)),
            Err(self_test::Fault::NotPermitted(text)) => Some(error::new(
                ErrorKind::Unsupported,
                format!(
                    "the user of this connection may not make an index, so there are no queries; permit it `+@read +@write +@scripting +@transaction +time +ft.create +ft.dropindex +ft.info +ft.search +ft.aggregate +ft.aliasupdate +ft.aliasdel +ft.config ~{tag}:*` ({text})"
                ),
            )),
            Err(self_test::Fault::Differs(check)) => Some(error::new(
                ErrorKind::Unsupported,
                format!(
                    "{} {} with search module {search} answers otherwise than Larder relies on (check `{check}`), so there are no queries; use Redis 8.2 or Valkey 9.1 with RediSearch 2.10.5, and report this",
                    self.server, self.version
                ),
            )),
        };
        *tested.0.lock() = Some(Verdict {
            search,
            id: self.id.clone(),
            refused: refused.clone(),
        });
        Ok(refused)
    }
}

fn no_redis(connection: &Connection) -> Error {
    error::new(
        ErrorKind::InvalidConfig,
        format!("{} does not answer like a Redis server", connection.peer()),
    )
}

fn no_module(facts: &Facts) -> Error {
    error::new(
        ErrorKind::Unsupported,
        format!(
            "{} {} has no search module, so there are no queries; use Redis 8 or redis-stack, or load the RediSearch module 2.10",
            facts.server, facts.version
        ),
    )
}

/// What a map says of a name. Old protocols write a map as a list of names and values.
fn get<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let is = |key: &Value| text(key).as_deref() == Some(name);
    match map {
        Value::Map(pairs) => pairs
            .iter()
            .find(|(key, _)| is(key))
            .map(|(_, value)| value),
        Value::Array(list) => {
            let mut pairs = list.chunks_exact(2);
            pairs.find_map(|pair| match pair {
                [key, value] if is(key) => Some(value),
                _ => None,
            })
        }
        _ => None,
    }
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        value => text(value)?.parse().ok(),
    }
}

/// The value of a setting: `{name: value}`, `[name, value]` or `[[name, value]]`.
fn setting(answer: &Value) -> Option<u64> {
    let value = match answer {
        Value::Map(pairs) => &pairs.first()?.1,
        Value::Array(list) => match list.as_slice() {
            [pair @ Value::Array(_)] => return setting(pair),
            [_, value] => value,
            _ => return None,
        },
        _ => return None,
    };
    match value {
        Value::Array(list) => setting_value(list.first()?),
        value => setting_value(value),
    }
}

fn setting_value(value: &Value) -> Option<u64> {
    match text(value).as_deref() {
        Some("unlimited" | "-1") => Some(u64::MAX),
        _ => number(value),
    }
}

#[cfg(test)]
mod tests;
