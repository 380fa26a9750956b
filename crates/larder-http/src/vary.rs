//! `Vary`: which of the pages under a key is the one that a request means.

use std::collections::{HashMap, VecDeque};

use http::header::VARY;
use http::{HeaderMap, HeaderName};
use larder_core::Timestamp;
use parking_lot::Mutex;

use crate::key::digest;

/// How many keys with variants are remembered at a time.
const MAX_KEYS: usize = 4_096;

/// The header fields that a response varies by, in order; `None` if by what no header says.
pub(crate) fn names(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for value in headers.get_all(VARY) {
        for name in value.to_str().ok()?.split(',') {
            let name = name.trim();
            if !name.is_empty() {
                // `*` is a name too, by its letters.
                let name = (name != "*").then_some(name)?;
                names.push(name.parse::<HeaderName>().ok()?);
            }
        }
    }
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    Some(names)
}

/// What a request has for these fields: equal for requests that mean the same page.
pub(crate) fn chosen_by(names: &[HeaderName], request: &HeaderMap) -> String {
    let mut values: Vec<Vec<u8>> = Vec::with_capacity(names.len() * 2);
    for name in names {
        values.push(name.as_str().into());
        let mut all = request.get_all(name).iter();
        // A field that is not there is another than one that is empty.
        values.push(all.next().map_or_else(
            || b"absent".to_vec(),
            |first| {
                let mut joined = b"=".to_vec();
                joined.extend(normal(first.as_bytes()));
                for value in all {
                    joined.push(b',');
                    joined.extend(normal(value.as_bytes()));
                }
                joined
            },
        ));
    }
    digest(values.iter().map(Vec::as_slice))
}

/// A value without the white space that means nothing: around it, and around its commas.
fn normal(value: &[u8]) -> Vec<u8> {
    let items = value.split(|byte| *byte == b',');
    let items: Vec<&[u8]> = items.map(<[u8]>::trim_ascii).collect();
    items.join(&b',')
}

/// The variants that this program has stored of each key, so that their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct Variants {
    known: Mutex<HashMap<String, VecDeque<(String, Timestamp)>>>,
}

impl Variants {
    /// Whether one more variant may be stored under a key, if it is one more.
    pub(crate) fn admit(&self, key: &str, chosen_by: &str, most: usize, now: Timestamp) -> bool {
        let mut known = self.known.lock();
        let Some(variants) = known.get_mut(key) else {
            return most > 0;
        };
        variants.retain(|(_, end)| *end > now);
        variants.len() < most || variants.iter().any(|(known, _)| known == chosen_by)
    }

    /// A variant is stored, until `end`.
    pub(crate) fn stored(&self, key: &str, chosen_by: &str, end: Timestamp) {
        let mut known = self.known.lock();
        if known.len() >= MAX_KEYS && !known.contains_key(key) {
            // Which one is forgotten does not matter: it may have a few variants more for it.
            if let Some(other) = known.keys().next().cloned() {
                known.remove(&other);
            }
        }
        let variants = known.entry(key.to_owned()).or_default();
        variants.retain(|(known, _)| known != chosen_by);
        variants.push_back((chosen_by.to_owned(), end));
    }
}
