//! What the server answers, taken apart.

use larder_core::{Error, ErrorKind, Result};
use redis::Value;

/// An answer of another form than the server's documentation has it.
pub(crate) fn unexpected(what: &str) -> Error {
    Error::internal(format!("the server's answer to {what} has an unknown form"))
        .with_store("redis")
}

/// The bytes of a string, if this is one.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        _ => None,
    }
}

/// The bytes of a string, taken out of the answer.
pub(crate) fn into_bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.into_bytes()),
        _ => None,
    }
}

/// The number that this is, or that the string is.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(int) => Some(*int as f64),
        Value::Double(double) => Some(*double),
        other => std::str::from_utf8(bytes(other)?).ok()?.parse().ok(),
    }
}

/// The whole number that this is, or that the string is.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Int(int) => u64::try_from(*int).ok(),
        Value::Double(double) => Some(*double as u64),
        other => std::str::from_utf8(bytes(other)?).ok()?.parse().ok(),
    }
}

/// The value under a name, whether the server wrote a map or a list of names and values.
pub(crate) fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(pairs) => pairs
            .iter()
            .find(|(key, _)| bytes(key) == Some(name.as_bytes()))
            .map(|(_, value)| value),
        Value::Array(items) => items
            .chunks_exact(2)
            .find(|pair| bytes(&pair[0]) == Some(name.as_bytes()))
            .map(|pair| &pair[1]),
        _ => None,
    }
}

/// Takes the value under a name out of a map.
pub(crate) fn take(value: &mut Value, name: &str) -> Option<Value> {
    match value {
        Value::Map(pairs) => pairs
            .iter_mut()
            .find(|(key, _)| bytes(key) == Some(name.as_bytes()))
            .map(|(_, value)| std::mem::take(value)),
        _ => None,
    }
}

/// The rows of a search or an aggregation, and how many the search says there are in all.
///
/// # Errors
/// `Timeout` if the server says that it has not looked at everything.
pub(crate) fn rows(mut answer: Value, what: &str) -> Result<(Vec<Value>, u64)> {
    let total = get(&answer, "total_results").and_then(whole);
    if let Some(Value::Array(warnings)) = get(&answer, "warning")
        && let Some(warning) = warnings.first()
    {
        let warning = String::from_utf8_lossy(bytes(warning).unwrap_or_default()).into_owned();
        return Err(Error::new(
            ErrorKind::Timeout,
            format!("the server looked at a part only: {warning}; ask for less, or raise `query_timeout`"),
        )
        .with_store("redis"));
    }
    match (take(&mut answer, "results"), total) {
        (Some(Value::Array(rows)), Some(total)) => Ok((rows, total)),
        _ => Err(unexpected(what)),
    }
}
