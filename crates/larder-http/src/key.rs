//! Keys of pages: the server's own, made of what a rule says and of nothing else.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Uri};
use sha2::{Digest as _, Sha256};

use crate::rule::{Query, Rule};

/// What separates the parts of a key; no URI has it.
const BETWEEN: char = '\u{1f}';

/// The longest key that is stored as it is; of a longer one the digest.
const LONGEST: usize = 1_024;

/// The first sixteen bytes of the SHA-256 of some parts, in hexadecimal. No two lists of parts are
/// taken for each other: each is preceded by its length.
pub(crate) fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut text = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The key of a request's page; pages that vary have keys made of this one.
pub(crate) fn primary(
    parts: &Parts,
    under: &str,
    rule: &Rule,
    identity: Option<&str>,
    body: Option<&str>,
) -> String {
    // What is asked with HEAD is answered from GET.
    let method = match parts.method {
        Method::HEAD => "GET",
        ref method => method.as_str(),
    };
    let mut key = String::with_capacity(128);
    key.push_str(method);
    key.push(' ');
    if rule.by_host {
        let start = key.len();
        key.push_str(host(parts).unwrap_or_default());
        key[start..].make_ascii_lowercase();
    }
    key.push(BETWEEN);
    if !under.is_empty() {
        // Set apart from the path: a layer around this one has other pages.
        key.push_str(under);
        key.push(BETWEEN);
    }
    // As it was sent: what chooses handlers may take two spellings of a path for two paths.
    key.push_str(parts.uri.path());
    if let Some(query) = query(&parts.uri, &rule.query) {
        key.push('?');
        key.push_str(&query);
    }
    if let Some(body) = body {
        key.push(BETWEEN);
        key.push_str("body=");
        key.push_str(body);
    }
    if let Some(identity) = identity {
        // As a digest: who reads a page is nothing that has to stand in a store's keys.
        key.push(BETWEEN);
        key.push_str("of=");
        key.push_str(&digest([identity.as_bytes()]));
    }
    match key.len() > LONGEST {
        true => format!("long{BETWEEN}{}", digest([key.as_bytes()])),
        false => key,
    }
}

/// The key of a variant of the page under `key`.
pub(crate) fn variant(key: &str, chosen_by: &str) -> String {
    format!("{key}{BETWEEN}vary={chosen_by}")
}

/// The key of a view; no request has it.
pub(crate) fn view(name: &str) -> String {
    format!("view{BETWEEN}{name}")
}

/// The path that a layer sees, as clients see it.
pub(crate) fn whole_path<'p>(under: &str, path: &'p str) -> Cow<'p, str> {
    match under.is_empty() {
        true => Cow::Borrowed(path),
        false => Cow::Owned(format!("{under}{path}")),
    }
}

/// The tags of the pages that a layer has of a path.
pub(crate) fn path_tags(under: &str, path: &str) -> Vec<String> {
    let mut tags = vec![path_tag(&whole_path(under, path))];
    if !under.is_empty() && path == "/" {
        // Routers leave `/` of the prefix alone and of the prefix with a slash behind it.
        tags.push(path_tag(under));
    }
    tags
}

/// A path, spelt as all that mean the same are (RFC 3986, section 6.2.2).
pub(crate) fn normal(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    push_normal(&mut normal, path);
    normal
}

/// The tag of every page of a path, however that is escaped.
pub(crate) fn path_tag(path: &str) -> String {
    let mut tag = String::from("larder.path:");
    push_normal(&mut tag, path);
    tag
}

/// Whom the request is for: the authority of its URI, or what `Host` says; empty if neither is
/// there. `None` if that is no name of a host, or the two name different ones.
pub(crate) fn host(parts: &Parts) -> Option<&str> {
    let mut said = parts.headers.get_all(HOST).iter();
    let header = match (said.next(), said.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok()?),
        (Some(_), Some(_)) => return None,
    };
    let host = match (parts.uri.authority(), header) {
        (Some(authority), Some(host)) => {
            let authority = authority.as_str();
            authority.eq_ignore_ascii_case(host).then_some(authority)?
        }
        (Some(authority), None) => authority.as_str(),
        (None, Some(host)) => host,
        (None, None) => return Some(""),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_name = (!host.is_empty() && host.bytes().all(is_plain))
        || (!host.contains('@') && host.parse::<Authority>().is_ok());
    is_name.then_some(host)
}

/// The query of a URI as the key has it; `None` if there is none.
pub(crate) fn query(uri: &Uri, rule: &Query) -> Option<String> {
    let query = uri.query()?;
    if let Query::AsItIs = rule {
        return Some(query.to_owned());
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let mut normal = String::with_capacity(pair.len());
        push_normal(&mut normal, pair);
        let name = normal.split('=').next().unwrap_or_default().to_owned();
        if let Query::Only(names) = rule
            && !names.contains(&name)
        {
            continue;
        }
        pairs.push((name, normal));
    }
    // Stable: what stands twice under one name keeps its order, which may mean something.
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    let pairs: Vec<String> = pairs.into_iter().map(|(_, pair)| pair).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// The URI that a handler is given: what is not part of the key is not part of it either, so that
/// nothing of it can get into the page.
pub(crate) fn narrowed(uri: &Uri, rule: &Query) -> Option<Uri> {
    let Query::Only(names) = rule else {
        return None;
    };
    let query = uri.query()?;
    let kept = query.split('&').filter(|pair| {
        let mut name = String::new();
        push_normal(&mut name, pair.split('=').next().unwrap_or_default());
        names.contains(&name)
    });
    let kept: Vec<&str> = kept.collect();
    let path = match kept.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), kept.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

/// Appends what means the same however it was spelt (RFC 3986, section 6.2.2): what need not be
/// escaped is not, and escapes are in capitals.
fn push_normal(out: &mut String, text: &str) {
    let Some(first) = text.find('%') else {
        return out.push_str(text);
    };
    out.push_str(&text[..first]);
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut rest = text[first..].char_indices();
    while let Some((at, c)) = rest.next() {
        let at = first + at;
        let escaped = (c == '%')
            .then(|| digit(at + 1).zip(digit(at + 2)))
            .flatten();
        let Some((high, low)) = escaped else {
            out.push(c);
            continue;
        };
        let byte = char::from_u32(high * 16 + low).unwrap_or('%');
        if byte.is_ascii_alphanumeric() || "-._~".contains(byte) {
            out.push(byte);
        } else {
            let _ = write!(out, "%{high:X}{low:X}");
        }
        let _ = (rest.next(), rest.next());
    }
}
