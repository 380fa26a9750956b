//! What went wrong below, as Larder's errors.

use larder_core::{Error, ErrorKind};
use redis::{RedisError, ServerError, ServerErrorKind};

/// The name of the store in errors.
pub(crate) const STORE: &str = "redis";

/// An error of this store.
pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, message).with_store("redis")
}

/// What the client library reports: a lost connection, an answer that is none, or what the
/// server refused.
pub(crate) fn of_redis(error: RedisError) -> Error {
    use redis::ErrorKind as Kind;

    match error.kind() {
        Kind::Io if error.is_timeout() => {
            new(ErrorKind::Timeout, format!("no answer in time: {error}"))
        }
        Kind::Io => new(
            ErrorKind::Unavailable,
            format!("the connection was lost: {error}"),
        ),
        Kind::Parse => new(
            ErrorKind::InvalidConfig,
            "what answers does not speak the Redis protocol",
        ),
        Kind::AuthenticationFailed => new(ErrorKind::InvalidConfig, REFUSED_PASSWORD),
        Kind::RESP3NotSupported => new(ErrorKind::Unsupported, TOO_OLD),
        kind => match error.into_server_errors().as_deref() {
            Some([(_, error), ..]) => of_server(error),
            _ => new(
                ErrorKind::Internal,
                format!("the client library failed: {kind:?}"),
            ),
        },
    }
}

const REFUSED_PASSWORD: &str = "authentication failed: the server refuses this user and password";
const TOO_OLD: &str = "the server has no RESP3; Redis 6 or newer, or Valkey, is needed";

/// What the server answered instead of a result.
pub(crate) fn of_server(error: &ServerError) -> Error {
    let text = text(error);
    let lower = text.to_ascii_lowercase();
    let (kind, message) = match error.code() {
        "WRONGPASS" => (ErrorKind::InvalidConfig, REFUSED_PASSWORD.to_owned()),
        "NOAUTH" => (
            ErrorKind::InvalidConfig,
            "authentication failed: the server asks for a password and none is given; set it on the builder or in the URL".to_owned(),
        ),
        "NOPERM" => (
            ErrorKind::InvalidConfig,
            format!("the user of this connection is not permitted this; extend its ACL ({text})"),
        ),
        "DENIED" => (ErrorKind::InvalidConfig, text),
        "READONLY" => (
            ErrorKind::Unavailable,
            "the server is a read-only replica; connect to its primary".to_owned(),
        ),
        "MOVED" => (
            ErrorKind::Unavailable,
            "the namespace lives on another node of the cluster; try again".to_owned(),
        ),
        "ASK" | "TRYAGAIN" => (
            ErrorKind::Unavailable,
            format!("the namespace is being moved to another node; try again ({text})"),
        ),
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY" | "NOREPLICAS" | "MISCONF" => {
            (ErrorKind::Unavailable, format!("try again: {text}"))
        }
        "OOM" => (
            ErrorKind::Overloaded,
            format!("the server has no memory left; raise its `maxmemory` or let it evict ({text})"),
        ),
        _ if lower.contains("called without any password") => (
            ErrorKind::InvalidConfig,
            "authentication failed: a password is given, but the server has none".to_owned(),
        ),
        _ if lower.contains("user executing the script can't")
            || lower.contains("acl failure in script") =>
        (
            ErrorKind::InvalidConfig,
            format!("the user of this connection is not permitted this; extend its ACL ({text})"),
        ),
        _ if lower.starts_with("unknown command 'hello'")
            || lower.starts_with("unknown command `hello`")
            || lower.starts_with("noproto") =>
        {
            (ErrorKind::Unsupported, TOO_OLD.to_owned())
        }
        _ if lower.contains("timeout limit was reached") => (
            ErrorKind::Timeout,
            "the query took longer than it may; narrow it, or raise `query_timeout`".to_owned(),
        ),
        _ if lower.contains("max number of clients") => (
            ErrorKind::Overloaded,
            "the server has as many clients as it allows; raise its `maxclients`".to_owned(),
        ),
        _ if lower.contains("too many cursors") || lower.contains("cursor_limit") => (
            ErrorKind::Overloaded,
            format!("too many queries are being read at once; try again ({text})"),
        ),
        _ if lower.contains("not enough memory") => (ErrorKind::Overloaded, text),
        _ => (
            ErrorKind::Internal,
            format!("the server answered with an error: {text}"),
        ),
    };
    new(kind, message)
}

/// Whether the index asked for is not there (any more).
pub(crate) fn is_no_such_index(error: &ServerError) -> bool {
    let text = text(error).to_ascii_lowercase();
    ["no such index", "unknown index name", "index not found"]
        .iter()
        .any(|known| text.contains(known))
}

/// Whether the script asked for has to be sent first.
pub(crate) fn is_no_script(error: &ServerError) -> bool {
    error.kind() == Some(ServerErrorKind::NoScript)
}

/// Whether the command was not executed since its key lives on another node.
pub(crate) fn is_moved(error: &ServerError) -> bool {
    error.kind() == Some(ServerErrorKind::Moved)
}

/// The server's words. An unknown command is repeated by the server with its arguments, a
/// password among them: they are left out.
fn text(error: &ServerError) -> String {
    let details = error.details().unwrap_or("no reason given");
    let details = match details.split_once(", with args beginning with") {
        Some((before, _)) => before,
        None => details,
    };
    match error.code() {
        "ERR" => details.to_owned(),
        code => format!("{code} {details}"),
    }
}

#[cfg(test)]
mod tests {
    use larder_core::ErrorKind;
    use redis::{RedisError, ServerError, Value};

    use super::{is_moved, is_no_script, is_no_such_index, of_redis, of_server};

    fn answer(line: &str) -> ServerError {
        match redis::parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => error,
            other => panic!("{line} was read as {other:?}"),
        }
    }

    #[test]
    fn each_answer_of_a_server_has_its_kind() {
        for (line, kind, part) in [
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                ErrorKind::InvalidConfig,
                "authentication failed",
            ),
            (
                "NOAUTH Authentication required.",
                ErrorKind::InvalidConfig,
                "authentication failed",
            ),
            (
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used",
                ErrorKind::InvalidConfig,
                "authentication failed",
            ),
            (
                "ERR AUTH <password> called without any password configured for the default user.",
                ErrorKind::InvalidConfig,
                "authentication failed",
            ),
            (
                "NOPERM User app has no permissions to run the 'ft.create' command",
                ErrorKind::InvalidConfig,
                "ft.create",
            ),
            (
                "NOPERM No permissions to access a key",
                ErrorKind::InvalidConfig,
                "access a key",
            ),
            (
                "ERR The user executing the script can't run this command or subcommand script: f, on @user_script:1.",
                ErrorKind::InvalidConfig,
                "not permitted",
            ),
            (
                "ERR ACL failure in script: User app has no permissions to run the 'time' command script: f, on @user_script:1.",
                ErrorKind::InvalidConfig,
                "'time' command",
            ),
            (
                "DENIED Redis is running in protected mode",
                ErrorKind::InvalidConfig,
                "protected mode",
            ),
            (
                "READONLY You can't write against a read only replica.",
                ErrorKind::Unavailable,
                "primary",
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                ErrorKind::Unavailable,
                "LOADING",
            ),
            (
                "MASTERDOWN Link with MASTER is down",
                ErrorKind::Unavailable,
                "MASTERDOWN",
            ),
            (
                "CLUSTERDOWN The cluster is down",
                ErrorKind::Unavailable,
                "CLUSTERDOWN",
            ),
            (
                "TRYAGAIN Multiple keys request during rehashing of slot",
                ErrorKind::Unavailable,
                "try again",
            ),
            (
                "BUSY Redis is busy running a script.",
                ErrorKind::Unavailable,
                "BUSY",
            ),
            (
                "MISCONF Errors writing to the AOF file",
                ErrorKind::Unavailable,
                "MISCONF",
            ),
            (
                "NOREPLICAS Not enough good replicas to write.",
                ErrorKind::Unavailable,
                "NOREPLICAS",
            ),
            (
                "MOVED 3999 127.0.0.1:6381",
                ErrorKind::Unavailable,
                "another node",
            ),
            (
                "ASK 3999 127.0.0.1:6381",
                ErrorKind::Unavailable,
                "try again",
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                ErrorKind::Overloaded,
                "maxmemory",
            ),
            (
                "ERR max number of clients reached",
                ErrorKind::Overloaded,
                "maxclients",
            ),
            (
                "Timeout limit was reached",
                ErrorKind::Timeout,
                "query_timeout",
            ),
            (
                "SEARCH_TIMEOUT Timeout limit was reached",
                ErrorKind::Timeout,
                "query_timeout",
            ),
            (
                "Too many cursors allocated for index",
                ErrorKind::Overloaded,
                "cursors",
            ),
            (
                "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 's3cret'",
                ErrorKind::Unsupported,
                "Redis 6",
            ),
            (
                "NOPROTO unsupported protocol version",
                ErrorKind::Unsupported,
                "Redis 6",
            ),
            (
                "Syntax error at offset 5 near x",
                ErrorKind::Internal,
                "Syntax error at offset 5",
            ),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                ErrorKind::Internal,
                "WRONGTYPE",
            ),
        ] {
            for error in [
                of_server(&answer(line)),
                of_redis(RedisError::from(answer(line))),
            ] {
                assert_eq!(error.kind(), kind, "{line}: {error}");
                assert!(error.message().contains(part), "{line}: {error}");
                assert_eq!(error.store(), Some("redis"));
            }
        }
    }

    #[test]
    fn the_arguments_of_an_unknown_command_are_left_out() {
        let line = "ERR unknown command 'AUTH', with args beginning with: 'app' 's3cret' ";
        let error = of_server(&answer(line));
        assert!(
            error.message().contains("unknown command 'AUTH'"),
            "{error}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn lost_connections_and_garbage_are_told_apart() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(of_redis(lost.into()).kind(), ErrorKind::Unavailable);
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert_eq!(of_redis(late.into()).kind(), ErrorKind::Timeout);
        let garbage = redis::parse_redis_value(b"HTTP/1.1 400 Bad Request\r\n");
        let garbage = of_redis(garbage.expect_err("no Redis answers so"));
        assert_eq!(garbage.kind(), ErrorKind::InvalidConfig);
        assert!(garbage.message().contains("does not speak"), "{garbage}");
    }

    #[test]
    fn what_a_caller_acts_on_is_recognised() {
        for line in [
            "idx: no such index",
            "ERR no such index",
            "Unknown index name",
            "SEARCH_INDEX_NOT_FOUND Index not found: idx",
        ] {
            assert!(is_no_such_index(&answer(line)), "{line}");
        }
        assert!(!is_no_such_index(&answer("ERR syntax error")));
        assert!(is_no_script(&answer("NOSCRIPT No matching script.")));
        assert!(!is_no_script(&answer("ERR no")));
        assert!(is_moved(&answer("MOVED 1 127.0.0.1:1")));
        assert!(!is_moved(&answer("ASK 1 127.0.0.1:1")));
    }
}
