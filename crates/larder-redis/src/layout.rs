//! Where things stand on the server: keys, names, and the header of an entry.
//!
//! Everything of one namespace begins with `{namespace}`, braces included, so that a cluster
//! keeps it on one node. A key has three parts, parted by `:`; each part is percent-escaped, so
//! that no name holds a `:` and none can reach into another's keys.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use larder_core::store::Tags;
use larder_core::{IdKey, Schema, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// What is escaped: all that RFC 3986 does not call unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The field that holds an entry's header.
pub(crate) const HEADER: &str = "_h";
/// The field that holds the encoded object.
pub(crate) const BODY: &str = "_b";
/// The field that holds the fingerprint of the schema, by which an index knows its own.
pub(crate) const FINGERPRINT: &str = "_p";
/// The field that holds the moment of expiry, if there is one.
pub(crate) const EXPIRY: &str = "_exp";
/// The field that names the fields which are missing or empty lists.
pub(crate) const NIL: &str = "_nil";
/// The field that holds the rank of the id: never lesser for the greater id.
pub(crate) const RANK: &str = "_r";
/// The field that holds the id in the order of ids.
pub(crate) const ID: &str = "_id";
/// The field that holds the tags, framed, where there are any.
pub(crate) const TAGS: &str = "_t";
/// The field that holds the moment until which what has expired is kept, if it is.
pub(crate) const END: &str = "_end";
/// The field of an absence that holds the moment until which it is kept.
pub(crate) const ABSENT: &str = "_abs";
/// The field of an absence that holds its stamp.
pub(crate) const STAMP: &str = "_at";

/// The hash tag that all keys of a namespace begin with.
pub(crate) fn tag(namespace: &str) -> String {
    format!("{{{}}}", percent_encode(namespace.as_bytes(), ESCAPED))
}

/// The number of this way to lay an entry out. A change of what `fields` writes raises it: then
/// entries of before are those of another version.
const LAYOUT: u8 = 2;

/// The names of one model of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The name of the model, escaped.
    pub(crate) name: String,
    /// What every key of the model begins with.
    pub(crate) prefix: String,
    /// The index of this version of the model.
    pub(crate) index: String,
    /// A second name for the index of whichever version came last.
    pub(crate) alias: String,
    /// Where it is kept which indexes of the model are in use.
    pub(crate) register: String,
    /// Where it is kept by which name each index of the model is asked.
    pub(crate) names: String,
    /// What is known of the model as a whole; see `script/prelude.lua`.
    pub(crate) state: String,
    /// Which tags were invalidated when.
    pub(crate) tags: String,
    /// Which entries were written while somebody watched.
    pub(crate) written: String,
    /// What every key begins with of what stands beside an entry: its lease, fences, a tombstone.
    beside: String,
    /// The layout and the fingerprint of the schema as they stand in entries.
    pub(crate) fingerprint: String,
}

impl Layout {
    pub(crate) fn new(tag: &str, schema: &Schema) -> Self {
        let model = percent_encode(schema.name().as_bytes(), ESCAPED);
        let fingerprint = format!("{LAYOUT:x}{:016x}", schema.fingerprint());
        // `@` and `!` are escaped in names, so none of these can be the prefix of a model's keys.
        Self {
            prefix: format!("{tag}:{model}:"),
            index: format!("{tag}:{model}@{fingerprint}"),
            alias: format!("{tag}:{model}"),
            register: format!("{tag}:{model}!indexes"),
            names: format!("{tag}:{model}!names"),
            state: format!("{tag}:{model}!state"),
            tags: format!("{tag}:{model}!tags"),
            written: format!("{tag}:{model}!written"),
            beside: format!("{tag}:{model}!beside:"),
            fingerprint,
            name: model.to_string(),
        }
    }

    /// The key of an object.
    pub(crate) fn key(&self, id: &IdKey) -> String {
        format!("{}{}", self.prefix, percent_encode(id.as_bytes(), ESCAPED))
    }

    /// The key of what stands beside an object.
    pub(crate) fn beside(&self, id: &IdKey) -> String {
        format!("{}{}", self.beside, percent_encode(id.as_bytes(), ESCAPED))
    }

    /// The id that a key was made from.
    pub(crate) fn id(&self, key: &[u8]) -> Option<IdKey> {
        let id = key.strip_prefix(self.prefix.as_bytes())?;
        let id: Cow<'_, [u8]> = percent_decode(id).into();
        Some(IdKey::from_bytes(&id))
    }
}

/// What is known of an entry beside its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The number of the codec of its object; `None` of what says that there is none.
    pub(crate) codec: Option<u8>,
    pub(crate) version: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) stale_for: Duration,
    pub(crate) cost: Duration,
    pub(crate) revision: Option<u64>,
    /// Whether it can have been invalidated without being written; see `script/look.lua`.
    pub(crate) is_stamped: bool,
    pub(crate) tags: Tags,
}

/// What the header of an entry was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// An entry of this version of the model.
    Own(Header),
    /// An entry of another version of the model.
    Other,
    /// Nothing that Larder wrote.
    Foreign,
}

/// The first word of every header: the format of the entry.
pub(crate) const FORMAT: &str = "L2";

impl Header {
    /// Reads `L2 <codec> <fingerprint> <version> <created> <expires> <stale> <cost> <revision>
    /// <stamp> <tags>`, as the scripts write it: numbers in decimal, times in milliseconds, `-`
    /// for none, tags escaped and each with a `,` behind it. The stamp is the moment of the model
    /// that tags and absences are of.
    pub(crate) fn read(header: &[u8], fingerprint: &str) -> Reading {
        let Some(parts) = std::str::from_utf8(header).ok().and_then(parts) else {
            return Reading::Foreign;
        };
        if parts.fingerprint == fingerprint {
            Reading::Own(parts.header)
        } else {
            Reading::Other
        }
    }
}

struct Parts<'a> {
    fingerprint: &'a str,
    header: Header,
}

fn parts(header: &str) -> Option<Parts<'_>> {
    let mut words = header.split(' ');
    if words.next()? != FORMAT {
        return None;
    }
    let codec = optional(words.next()?)?;
    let fingerprint = words.next()?;
    let version = words.next()?.parse().ok()?;
    let created_at = Timestamp::from_millis(words.next()?.parse().ok()?);
    let expires_at = optional(words.next()?)?.map(Timestamp::from_millis);
    let stale_for = Duration::from_millis(words.next()?.parse().ok()?);
    let cost = Duration::from_millis(words.next()?.parse().ok()?);
    let revision = optional(words.next()?)?;
    let is_stamped = words.next()? != NONE;
    let tags = read_tags(words.next()?)?;
    Some(Parts {
        fingerprint,
        header: Header {
            codec,
            version,
            created_at,
            expires_at,
            stale_for,
            cost,
            revision,
            is_stamped,
            tags,
        },
    })
}

/// What stands for nothing in a header, and in the arguments of scripts.
pub(crate) const NONE: &str = "-";

fn optional<T: FromStr>(word: &str) -> Option<Option<T>> {
    match word {
        NONE => Some(None),
        word => word.parse().ok().map(Some),
    }
}

/// A revision as scripts compare it: they know numbers of 53 bits, and strings.
pub(crate) fn write_revision(revision: Option<u64>) -> String {
    revision.map_or_else(|| NONE.to_owned(), |revision| format!("{revision:020}"))
}

/// A duration in milliseconds, as a header has it.
pub(crate) fn write_duration(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Tags as a header has them.
pub(crate) fn write_tags(tags: &Tags) -> String {
    // The empty tag needs a sign of its own beside no tags at all.
    let tags = tags.as_slice().iter();
    tags.map(|tag| format!("{},", write_tag(tag))).collect()
}

/// A tag as a header has it.
pub(crate) fn write_tag(tag: &str) -> String {
    percent_encode(tag.as_bytes(), ESCAPED).to_string()
}

fn read_tags(text: &str) -> Option<Tags> {
    let tags: Option<Vec<String>> = text
        .split_terminator(',')
        .map(|tag| {
            Some(
                percent_decode(tag.as_bytes())
                    .decode_utf8()
                    .ok()?
                    .into_owned(),
            )
        })
        .collect();
    Some(Tags::new(tags?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(namespace: &str, model: &str) -> Layout {
        let schema = Schema::new::<()>(model, 1, None, Vec::new()).expect("a name");
        Layout::new(&tag(namespace), &schema)
    }

    #[test]
    fn no_two_names_share_keys() {
        let names = [
            "a", "a:b", "a}", "{a}", "a%", "%3A", "a b", "ä", "a:", ":a", "b",
        ];
        let mut seen = std::collections::HashMap::new();
        for namespace in names {
            for model in names {
                let layout = layout(namespace, model);
                let own = (namespace, model);
                for name in [
                    &layout.prefix,
                    &layout.index,
                    &layout.alias,
                    &layout.register,
                    &layout.names,
                    &layout.state,
                    &layout.tags,
                    &layout.written,
                    &layout.beside,
                ] {
                    assert_eq!(seen.insert(name.clone(), own), None, "{own:?}: {name}");
                }
                for (name, other) in &seen {
                    assert!(
                        *other == own
                            || !(name.starts_with(&layout.prefix)
                                || name.starts_with(&layout.beside)),
                        "{own:?} {other:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_key_gives_its_id_back() {
        let layout = layout("a", "b");
        for bytes in [
            &b"\0\xff%:{}*"[..],
            b"",
            b"plain",
            &[0, 0, 0, 0, 0, 0, 0, 42],
        ] {
            let id = IdKey::from_bytes(bytes);
            assert_eq!(layout.id(layout.key(&id).as_bytes()), Some(id));
        }
        assert_eq!(layout.id(b"{a}:c:1"), None);
    }

    #[test]
    fn a_header_comes_back() {
        for tags in [vec![], vec![""], vec!["", "a,b", "c d", "ü\0"]] {
            let mut expected = Header {
                codec: Some(1),
                version: 7,
                created_at: Timestamp::from_millis(-5),
                expires_at: Some(Timestamp::from_millis(9)),
                stale_for: Duration::from_millis(3),
                cost: Duration::from_millis(4),
                revision: Some(u64::MAX),
                is_stamped: true,
                tags: Tags::new(tags),
            };
            let text = write_tags(&expected.tags);
            let revision = write_revision(expected.revision);
            let header = format!("L2 1 00 7 -5 9 3 4 {revision} 8 {text}");
            let read = |header: &str| Header::read(header.as_bytes(), "00");
            assert_eq!(read(&header), Reading::Own(expected.clone()));
            assert_eq!(Header::read(header.as_bytes(), "01"), Reading::Other);
            let header = format!("L2 - 00 7 -5 - 3 4 - - {text}");
            expected.codec = None;
            expected.expires_at = None;
            expected.revision = None;
            expected.is_stamped = false;
            assert_eq!(read(&header), Reading::Own(expected));
        }
        for foreign in [
            "",
            "L2",
            "L1 1 00 7 5 - ",
            "L2 1 00 x 5 - 0 0 - - ",
            "L2 999 00 7 5 - 0 0 - - ",
        ] {
            assert_eq!(Header::read(foreign.as_bytes(), "00"), Reading::Foreign);
        }
    }

    #[test]
    fn revisions_sort_as_they_are_written() {
        let revisions = [
            None,
            Some(0),
            Some(9),
            Some(10),
            Some(1 << 53),
            Some(u64::MAX),
        ];
        let written = revisions.map(write_revision);
        assert!(written.is_sorted());
        assert_eq!(written[5].len(), 20);
    }
}
