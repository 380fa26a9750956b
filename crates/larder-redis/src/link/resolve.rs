//! From an address to a connection to the node that holds the namespace.

use std::sync::Arc;
use std::time::Duration;

use larder_core::{Error, ErrorKind, Result};
use redis::Value;
use rustls::ClientConfig;

use super::connection::{Connection, Failure};
use crate::config::{Address, Credentials, Node, RedisBuilder};
use crate::error;

/// Connects to the node that `address` means at this moment. `tag` is what all keys begin with.
pub(super) async fn connect(
    config: &RedisBuilder,
    tls: Option<&Arc<ClientConfig>>,
    tag: &str,
) -> Result<Connection> {
    let to = Way {
        tls,
        credentials: &config.credentials,
        limit: config.connect_timeout,
    };
    match &config.address {
        Address::Tcp(node) => to.node(node).await,
        Address::Unix(path) => Connection::to_socket(path, to.credentials, to.limit).await,
        Address::Sentinel {
            sentinels,
            service,
            credentials,
        } => {
            let sentinel = Way { credentials, ..to };
            let ask = |connection| primary_of(connection, service, config.connect_timeout);
            let primary = first(sentinels, sentinel, ask).await.map_err(|error| {
                let message = format!("of the sentinels: {}", error.message());
                error::new(error.kind(), message)
            })?;
            to.node(&primary).await
        }
        Address::Cluster(seeds) => {
            let ask = |connection| owner_of(connection, tag, config.connect_timeout);
            let owner = first(seeds, to, ask).await?;
            to.node(&owner).await
        }
    }
}

/// How to connect to a node.
#[derive(Clone, Copy)]
struct Way<'a> {
    tls: Option<&'a Arc<ClientConfig>>,
    credentials: &'a Credentials,
    limit: Duration,
}

impl Way<'_> {
    async fn node(&self, node: &Node) -> Result<Connection> {
        Connection::to_node(node, self.tls, self.credentials, self.limit).await
    }
}

/// The first answer that one of the nodes has to a question; each has its share of the time.
async fn first<A: Future<Output = Result<Node>>>(
    nodes: &[Node],
    mut to: Way<'_>,
    ask: impl Fn(Connection) -> A,
) -> Result<Node> {
    to.limit /= u32::try_from(nodes.len()).unwrap_or(u32::MAX).max(1);
    let mut failed: Option<Error> = None;
    for node in nodes {
        let answer = match to.node(node).await {
            Ok(connection) => ask(connection).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(found) => return Ok(found),
            // The last to fail is the one named, unless an earlier one says what to change.
            Err(error) => {
                if failed.as_ref().map(Error::kind) != Some(ErrorKind::InvalidConfig) {
                    failed = Some(error);
                }
            }
        }
    }
    Err(failed.unwrap_or_else(|| error::new(ErrorKind::InvalidConfig, "the URL names no host")))
}

/// The primary of a service, as a sentinel has it.
async fn primary_of(sentinel: Connection, service: &str, limit: Duration) -> Result<Node> {
    let mut command = redis::cmd("SENTINEL");
    command.arg("get-master-addr-by-name").arg(service);
    let answer = match sentinel.one(limit, &command).await {
        Err(Failure::Refused(refusal)) if refusal.code() == "ERR" => Value::Okay,
        answer => answer?,
    };
    match answer {
        Value::Array(answer) => match answer.as_slice() {
            [host, port] => node_of(host, port),
            _ => None,
        },
        Value::Nil => {
            return Err(error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "the sentinel {} watches no service of that name; see `SENTINEL masters`",
                    sentinel.peer()
                ),
            ));
        }
        _ => None,
    }
    .ok_or_else(|| {
        error::new(
            ErrorKind::InvalidConfig,
            format!("{} does not answer like a sentinel", sentinel.peer()),
        )
    })
}

/// The node of a cluster that holds what begins with `tag`, as one of its nodes has it.
async fn owner_of(seed: Connection, tag: &str, limit: Duration) -> Result<Node> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("CLUSTER").arg("KEYSLOT").arg(tag);
    pipeline.cmd("CLUSTER").arg("SLOTS");
    let answers = seed.many(limit, &pipeline).await?;
    let (slot, ranges) = match answers.as_slice() {
        [Value::Int(slot), Value::Array(ranges)] => (*slot, ranges),
        [Value::ServerError(error), ..]
            if error
                .details()
                .is_some_and(|text| text.contains("cluster support disabled")) =>
        {
            return Err(error::new(
                ErrorKind::InvalidConfig,
                format!("{} is no node of a cluster; write `redis://`", seed.peer()),
            ));
        }
        [Value::ServerError(error), ..] | [_, Value::ServerError(error)] => {
            return Err(error::of_server(error));
        }
        _ => {
            return Err(error::new(
                ErrorKind::InvalidConfig,
                format!("{} does not answer like a node of a cluster", seed.peer()),
            ));
        }
    };
    let owner = ranges.iter().find_map(|range| match range {
        Value::Array(range) => match range.as_slice() {
            [Value::Int(from), Value::Int(to), Value::Array(owner), ..]
                if (*from..=*to).contains(&slot) =>
            {
                match owner.as_slice() {
                    [host, port, ..] => Some((host, port)),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    });
    let Some((host, port)) = owner else {
        return Err(error::new(
            ErrorKind::Unavailable,
            format!("no node of the cluster holds slot {slot} of the namespace; try again"),
        ));
    };
    let node = match host_of(host).as_deref() {
        // It means itself.
        None | Some("" | "?") => seed.peer().rsplit_once(':').and_then(|(host, _)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Some(Node::new(host, port_of(port)?))
        }),
        Some(_) => node_of(host, port),
    };
    node.ok_or_else(|| {
        error::new(
            ErrorKind::Internal,
            format!(
                "{} names an owner of slot {slot} that is no address",
                seed.peer()
            ),
        )
    })
}

fn node_of(host: &Value, port: &Value) -> Option<Node> {
    Some(Node::new(host_of(host)?, port_of(port)?))
}

fn host_of(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok(),
        Value::SimpleString(host) => Some(host.clone()),
        _ => None,
    }
}

fn port_of(value: &Value) -> Option<u16> {
    match value {
        Value::Int(port) => u16::try_from(*port).ok(),
        value => host_of(value)?.parse().ok(),
    }
}
