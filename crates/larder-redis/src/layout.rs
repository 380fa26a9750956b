//! Where things stand on the server: keys, names, and the header of an entry.
//!
//! Everything of one namespace begins with `{namespace}`, braces included, so that a cluster
//! keeps it on one node. A key has three parts, parted by `:`; each part is percent-escaped, so
//! that no name holds a `:` and none can reach into another's keys.

use std::borrow::Cow;

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

/// The hash tag that all keys of a namespace begin with.
pub(crate) fn tag(namespace: &str) -> String {
    format!("{{{}}}", percent_encode(namespace.as_bytes(), ESCAPED))
}

/// The number of this way to lay an entry out. A change of what `fields` writes raises it: then
/// entries of before are those of another version.
const LAYOUT: u8 = 1;

/// The names of one model of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
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
            fingerprint,
        }
    }

    /// The key of an object.
    pub(crate) fn key(&self, id: &IdKey) -> String {
        format!("{}{}", self.prefix, percent_encode(id.as_bytes(), ESCAPED))
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
    pub(crate) codec: u8,
    pub(crate) version: u64,
    pub(crate) expires_at: Option<Timestamp>,
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
pub(crate) const FORMAT: &str = "L1";

impl Header {
    /// Reads `L1 <codec> <fingerprint> <version> <created> <expires> <tags>`, as the scripts
    /// write it: numbers in decimal, `-` for never, tags escaped and parted by `,`.
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
    let codec = words.next()?.parse().ok()?;
    let fingerprint = words.next()?;
    let version = words.next()?.parse().ok()?;
    let _created: i64 = words.next()?.parse().ok()?;
    let expires_at = match words.next()? {
        "-" => None,
        millis => Some(Timestamp::from_millis(millis.parse().ok()?)),
    };
    let tags = read_tags(words.next()?)?;
    Some(Parts {
        fingerprint,
        header: Header {
            codec,
            version,
            expires_at,
            tags,
        },
    })
}

/// Tags as a header has them.
pub(crate) fn write_tags(tags: &Tags) -> String {
    let escaped = tags
        .as_slice()
        .iter()
        .map(|tag| percent_encode(tag.as_bytes(), ESCAPED).to_string());
    // The empty tag needs a sign of its own beside no tags at all.
    escaped.map(|tag| format!("{tag},")).collect()
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
                ] {
                    assert_eq!(seen.insert(name.clone(), own), None, "{own:?}: {name}");
                }
                for (name, other) in &seen {
                    assert!(
                        *other == own || !name.starts_with(&layout.prefix),
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
    fn tags_come_back_from_a_header() {
        for tags in [vec![], vec![""], vec!["", "a,b", "c d", "ü\0"]] {
            let tags = Tags::new(tags);
            let text = write_tags(&tags);
            let header = format!("L1 1 00 7 5 - {text}");
            let expected = Header {
                codec: 1,
                version: 7,
                expires_at: None,
                tags,
            };
            assert_eq!(
                Header::read(header.as_bytes(), "00"),
                Reading::Own(expected)
            );
            assert_eq!(Header::read(header.as_bytes(), "01"), Reading::Other);
        }
        for foreign in [
            "",
            "L1",
            "L2 1 00 7 5 - ",
            "L1 1 00 x 5 - ",
            "L1 999 00 7 5 - ",
        ] {
            assert_eq!(Header::read(foreign.as_bytes(), "00"), Reading::Foreign);
        }
    }
}
