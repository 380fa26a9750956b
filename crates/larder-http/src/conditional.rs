//! Requests that want a page only if it is another than theirs.

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName};

/// What makes a request conditional. Handlers that make a page for the cache do not see it.
pub(crate) const CONDITIONS: [HeaderName; 5] = [
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    http::header::IF_MATCH,
    http::header::IF_UNMODIFIED_SINCE,
    http::header::IF_RANGE,
];

/// Whether the client has this page already (RFC 9110, section 13.2.2).
pub(crate) fn has(request: &HeaderMap, page: &HeaderMap) -> bool {
    let mut tags = request.get_all(IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_none() {
        return is_unmodified(request, page).unwrap_or(false);
    }
    let own = page.get(ETAG).and_then(|tag| tag.to_str().ok());
    tags.filter_map(|tags| tags.to_str().ok()).any(|tags| {
        tags.trim() == "*"
            || own.is_some_and(|own| listed(tags).any(|tag| opaque(tag) == opaque(own)))
    })
}

/// A tag as it is compared weakly.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The tags of a list. A comma within quotes is part of a tag.
fn listed(tags: &str) -> impl Iterator<Item = &str> {
    let mut rest = tags;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return None;
        }
        let open = rest.find('"').map_or(rest.len(), |quote| quote + 1);
        let end = rest[open..]
            .find('"')
            .map_or(rest.len(), |quote| open + quote + 1);
        let (tag, behind) = rest.split_at(end);
        rest = behind;
        Some(tag.trim())
    })
}

fn is_unmodified(request: &HeaderMap, page: &HeaderMap) -> Option<bool> {
    let date = |headers: &HeaderMap, name: HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    let since = date(request, IF_MODIFIED_SINCE)?;
    Some(date(page, LAST_MODIFIED)? <= since)
}
