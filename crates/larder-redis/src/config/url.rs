//! Reading a URL into options.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larder_core::codec::{self, Codec};
use larder_core::{Error, Result};
use percent_encoding::percent_decode_str;

use super::{Address, Certificates, Credentials, Node, ReadPolicy, RedisBuilder};

/// The URLs there are, as messages name them.
const SCHEMES: &str =
    "`redis://`, `rediss://`, `redis+unix://`, `redis+sentinel://` or `redis+cluster://`";
/// The options of a URL, as messages name them.
const OPTIONS: &str = "`namespace`, `ttl`, `codec`, `timeout`, `query_timeout`, `connect_timeout`, `reads`, `db`, `ca`, `cert`, `key`, `sentinel_user`, `sentinel_password`";
const DURATION: &str = "a duration such as `500ms`, `90s`, `15m` or `1h30m`";
const ESCAPES: &str = "write `@` as `%40`, `/` as `%2F`, `?` as `%3F`, `#` as `%23` and `%` as `%25` in a user or password";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Tcp,
    Unix,
    Sentinel,
    Cluster,
}

/// The builder that a URL describes. What it holds is not repeated in an error, but for names
/// and values of options that look like such.
pub(super) fn read(url: &str) -> Result<RedisBuilder> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(no_scheme());
    };
    let (form, encrypted) = scheme_of(scheme)?;
    if rest.contains('#') {
        return refuse(format!(
            "the URL has a `#`, which leads to nothing; {ESCAPES}"
        ));
    }
    let (before, options) = match rest.split_once('?') {
        Some((before, options)) => (before, Some(options)),
        None => (rest, None),
    };
    let (authority, path) = match before.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (before, None),
    };
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (Some(user), hosts),
        None => (None, authority),
    };
    if path.is_some_and(|path| path.contains('@')) || options.is_some_and(|o| o.contains('@')) {
        return refuse(format!("the URL has an `@` behind its host; {ESCAPES}"));
    }

    let (address, database) = address(form, hosts, path)?;
    let mut builder = RedisBuilder::at(address);
    builder.credentials = user.map(credentials).transpose()?.unwrap_or_default();
    builder.tls = encrypted.then(Certificates::default);
    let mut seen = Vec::new();
    if let Some(database) = database {
        builder.database = database;
        seen.push("db");
    }
    let mut client = (None, None);
    for option in options.into_iter().flat_map(|options| options.split('&')) {
        let Some((name, value)) = option.split_once('=') else {
            return refuse(format!(
                "the options of a Redis URL are written `name=value`, parted by `&`; one of them has no `=`. It has {OPTIONS}"
            ));
        };
        let Some(value) = decoded(value) else {
            return refuse(format!(
                "the value of option {} is not percent-encoded text; write `%` as `%25`",
                shown(name, "of a Redis URL")
            ));
        };
        if seen.contains(&name) {
            return refuse(format!(
                "option `{name}` of a Redis URL is given twice; give it once"
            ));
        }
        match name {
            "cert" => client.0 = Some(file(name, &value)?),
            "key" => client.1 = Some(file(name, &value)?),
            _ => builder = set(builder, name, value)?,
        }
        seen.push(name);
    }
    match client {
        (Some(certificate), Some(key)) => Ok(builder.client_certificate(certificate, key)),
        (None, None) => Ok(builder),
        _ => refuse("`cert` and `key` of a Redis URL belong together; give both"),
    }
}

fn scheme_of(scheme: &str) -> Result<(Form, bool)> {
    let scheme = scheme.to_ascii_lowercase();
    let (base, form) = match scheme.split_once('+') {
        Some((base, form)) => (base, Some(form)),
        None => (scheme.as_str(), None),
    };
    let encrypted = match base {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(no_scheme()),
    };
    match form {
        None => Ok((Form::Tcp, encrypted)),
        Some("unix") if !encrypted => Ok((Form::Unix, false)),
        Some("sentinel") => Ok((Form::Sentinel, encrypted)),
        Some("cluster") => Ok((Form::Cluster, encrypted)),
        Some(_) => Err(no_scheme()),
    }
}

fn no_scheme() -> Error {
    Error::invalid_config(format!("the URL of a Redis store begins with {SCHEMES}"))
}

/// Where a URL leads, and the number of the database if its path names one.
fn address(form: Form, hosts: &str, path: Option<&str>) -> Result<(Address, Option<u32>)> {
    match form {
        Form::Tcp => {
            if hosts.contains(',') {
                return refuse(
                    "the URL has several hosts; write `redis+sentinel://` or `redis+cluster://` for what they are",
                );
            }
            Ok((Address::Tcp(node(hosts, 6379)?), database(path)?))
        }
        Form::Cluster => Ok((Address::Cluster(nodes(hosts, 6379)?), database(path)?)),
        Form::Unix => {
            let path = path.filter(|path| !path.is_empty() && hosts.is_empty());
            let Some(path) = path else {
                return refuse(
                    "a `redis+unix://` URL has no host but the path of a socket; write `redis+unix:///path/to/socket`",
                );
            };
            let Some(path) = decoded(path) else {
                return refuse("the path of the socket is not percent-encoded text");
            };
            Ok((Address::Unix(PathBuf::from(format!("/{path}"))), None))
        }
        Form::Sentinel => {
            let (service, number) = match path.unwrap_or_default().split_once('/') {
                Some((service, number)) => (service, Some(number)),
                None => (path.unwrap_or_default(), None),
            };
            let Some(service) = decoded(service).filter(|service| !service.is_empty()) else {
                return refuse(
                    "a `redis+sentinel://` URL names the service that the sentinels watch: `redis+sentinel://host:26379/service`",
                );
            };
            let address = Address::Sentinel {
                sentinels: nodes(hosts, 26379)?,
                service,
                credentials: Credentials::default(),
            };
            Ok((address, database(number)?))
        }
    }
}

fn nodes(hosts: &str, port: u16) -> Result<Vec<Node>> {
    hosts.split(',').map(|host| node(host, port)).collect()
}

fn node(text: &str, default_port: u16) -> Result<Node> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, rest)) => (
            host,
            rest.strip_prefix(':').or((!rest.is_empty()).then_some("-")),
        ),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return refuse("the URL names no host; write `127.0.0.1` for this machine");
    }
    let in_brackets = text.starts_with('[');
    let fits = |c: char| {
        c.is_ascii_alphanumeric()
            || if in_brackets {
                ":.".contains(c)
            } else {
                "-._".contains(c)
            }
    };
    if !host.chars().all(fits) {
        return refuse(format!(
            "the host of the URL is none; write a name or an address, with IPv6 as `[::1]`. If that is a password, {ESCAPES}"
        ));
    }
    let port = match port {
        None => default_port,
        Some(port) => match whole(port).filter(|port| *port > 0) {
            Some(port) => port,
            None => {
                return refuse(format!(
                    "the port of the URL is no number from 1 to 65535. If that is a password, {ESCAPES}"
                ));
            }
        },
    };
    Ok(Node::new(host, port))
}

fn database(path: Option<&str>) -> Result<Option<u32>> {
    match path {
        None | Some("") => Ok(None),
        Some(path) => match whole(path) {
            Some(number) => Ok(Some(number)),
            None => {
                refuse("the path of a Redis URL is the number of a database; leave it out for 0")
            }
        },
    }
}

fn credentials(user: &str) -> Result<Credentials> {
    let (username, password) = match user.split_once(':') {
        Some((username, password)) => (username, Some(password)),
        None => (user, None),
    };
    let read = |part: &str| {
        decoded(part).ok_or_else(|| {
            Error::invalid_config(format!(
                "the user or password of the URL is not percent-encoded text; {ESCAPES}"
            ))
        })
    };
    let username = Some(read(username)?).filter(|name| !name.is_empty());
    let password = password.map(read).transpose()?;
    Ok(Credentials {
        // A user may have the empty password; without a user it means that there is none.
        password: password.filter(|password| username.is_some() || !password.is_empty()),
        username,
    })
}

/// Sets one option as a URL has it.
fn set(mut builder: RedisBuilder, name: &str, value: String) -> Result<RedisBuilder> {
    match name {
        "namespace" => builder.namespace = value,
        "ttl" => builder.ttl = Some(duration(name, &value)?),
        "timeout" => builder.timeout = duration(name, &value)?,
        "query_timeout" => builder.query_timeout = duration(name, &value)?,
        "connect_timeout" => builder.connect_timeout = duration(name, &value)?,
        "codec" => builder.codec = Some(codec_named(&value)?),
        "reads" => {
            builder.reads = match value.as_str() {
                "open" => ReadPolicy::FailOpen,
                "closed" => ReadPolicy::FailClosed,
                _ => return wrong(name, &value, "`open` or `closed`"),
            }
        }
        "db" => match whole(&value) {
            Some(number) => builder.database = number,
            None => return wrong(name, &value, "the number of a database such as `0`"),
        },
        "ca" => builder = builder.ca_certificate(file(name, &value)?),
        "sentinel_user" | "sentinel_password" => match &mut builder.address {
            Address::Sentinel { credentials, .. } if name == "sentinel_user" => {
                credentials.username = Some(value);
            }
            Address::Sentinel { credentials, .. } => credentials.password = Some(value),
            _ => {
                return refuse(format!(
                    "option `{name}` belongs to a `redis+sentinel://` URL; this is none"
                ));
            }
        },
        _ => {
            let name = shown(name, "of that name");
            return refuse(format!(
                "a Redis URL has no option {name}; it has {OPTIONS}"
            ));
        }
    }
    Ok(builder)
}

fn duration(name: &str, value: &str) -> Result<Duration> {
    match humantime::parse_duration(value) {
        Ok(duration) => Ok(duration),
        Err(_) => wrong(name, value, DURATION),
    }
}

/// The codec of a name; what does not have the looks of one is not repeated.
fn codec_named(name: &str) -> Result<Arc<dyn Codec>> {
    match shown(name, "").is_empty() {
        false => codec::named(name),
        true => codec::named("of that name"),
    }
}

/// The bytes of the file that an option names.
fn file(name: &str, path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|cause| {
        Error::invalid_config(format!(
            "the file that option `{name}` of the URL names cannot be read: {cause}"
        ))
    })
}

/// A whole number; the standard library reads a sign too.
fn whole<T: std::str::FromStr>(value: &str) -> Option<T> {
    value
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| value.parse().ok())?
}

/// The text without its percent-escapes; nothing if one is broken or it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut escapes = text.as_bytes().split(|byte| *byte == b'%').skip(1);
    let whole = |rest: &[u8]| {
        rest.get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(whole) {
        return None;
    }
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn wrong<T>(name: &str, value: &str, wanted: &str) -> Result<T> {
    let value = shown(value, "what is given");
    refuse(format!(
        "option `{name}` of a Redis URL is {wanted}; {value} is none"
    ))
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::invalid_config(message))
}

/// A part of a URL as a message has it: as it is if it has the looks of a name or a number, and
/// else described, since it may be a password in the wrong place.
pub(super) fn shown(part: &str, description: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-+.".contains(c);
    if (1..=32).contains(&part.len()) && part.chars().all(fits) {
        format!("`{part}`")
    } else {
        description.to_owned()
    }
}
