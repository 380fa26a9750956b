//! Identities of objects, and the ordered bytes that stores key them by.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What may identify an object: integers, `String`, `Uuid` (feature `uuid`) and tuples of these.
///
/// An id is written as bytes whose order is the id's own order, so that every store sorts
/// ids alike: integers as integers, strings by UTF-8 bytes, tuples part by part.
pub trait Id: Clone + fmt::Debug + Eq + Ord + Hash + Send + Sync + 'static {
    /// Appends this id's ordered bytes.
    fn write(&self, out: &mut IdWriter);
    /// Reads an id back; `None` if the bytes are not one.
    fn read(input: &mut IdReader<'_>) -> Option<Self>;

    /// This id as a key.
    fn to_key(&self) -> IdKey {
        let mut writer = IdWriter::default();
        self.write(&mut writer);
        writer.finish()
    }

    /// The id that `key` was made from; `None` if it was made from another type.
    fn from_key(key: &IdKey) -> Option<Self> {
        let mut reader = IdReader {
            rest: key.as_bytes(),
        };
        let id = Self::read(&mut reader)?;
        reader.rest.is_empty().then_some(id)
    }
}

/// What an object with id `I` can be asked for by: `I` itself, and `str` where `I` is `String`.
pub trait IdLike<I: Id> {
    /// The key of the id meant.
    fn key(&self) -> IdKey;
}

impl<I: Id> IdLike<I> for I {
    fn key(&self) -> IdKey {
        self.to_key()
    }
}

impl IdLike<String> for str {
    fn key(&self) -> IdKey {
        let bytes = self.as_bytes();
        if bytes.contains(&0) {
            let mut writer = IdWriter::default();
            writer.string(self);
            return writer.finish();
        }
        // As the writer does it, in one piece: on the way of every read.
        let len = bytes.len() + 2;
        if len > INLINE {
            return IdKey(Repr::Shared(self.bytes().chain([0, 0]).collect()));
        }
        let mut inline = [0; INLINE];
        inline[..bytes.len()].copy_from_slice(bytes);
        IdKey(Repr::Inline {
            len: len as u8,
            bytes: inline,
        })
    }
}

const INLINE: usize = 22;

/// An id as ordered bytes. Up to 22 bytes live inline; cloning never copies more than that.
#[derive(Clone)]
pub struct IdKey(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl IdKey {
    /// The key with exactly these bytes, as [`IdKey::as_bytes`] once gave them.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut writer = IdWriter::default();
        writer.raw(bytes);
        writer.finish()
    }

    /// The key of an integer, as its bytes are: on the way of every read.
    fn short(head: [u8; 8]) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..8].copy_from_slice(&head);
        Self(Repr::Inline { len: 8, bytes })
    }

    /// The ordered bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The key cut to 64 bits that keep its order: of two keys the lesser never has the greater
    /// rank. Of an integer nothing is cut.
    pub fn rank(&self) -> u64 {
        let mut head = [0; 8];
        for (to, from) in head.iter_mut().zip(self.as_bytes()) {
            *to = *from;
        }
        u64::from_be_bytes(head)
    }

    /// Bytes on the heap that this key alone is the cause of.
    pub fn heap_size(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Shared(bytes) => bytes.len() + 16,
        }
    }
}

impl PartialEq for IdKey {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // Unused inline bytes are zero, so whole arrays compare.
            (
                Repr::Inline { len, bytes },
                Repr::Inline {
                    len: other_len,
                    bytes: other_bytes,
                },
            ) => len == other_len && bytes == other_bytes,
            _ => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for IdKey {}

impl PartialOrd for IdKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for IdKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for IdKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdKey({})", self.as_bytes().escape_ascii())
    }
}

/// Collects the ordered bytes of an id.
#[derive(Debug)]
pub struct IdWriter {
    len: usize,
    inline: [u8; INLINE],
    spilled: Vec<u8>,
}

impl Default for IdWriter {
    fn default() -> Self {
        Self {
            len: 0,
            inline: [0; INLINE],
            spilled: Vec::new(),
        }
    }
}

impl IdWriter {
    /// Appends an unsigned integer.
    pub fn unsigned(&mut self, value: u64) {
        self.raw(&unsigned(value));
    }

    /// Appends a signed integer; the flipped sign bit makes the bytes sort as the numbers do.
    pub fn signed(&mut self, value: i64) {
        self.raw(&signed(value));
    }

    /// Appends 16 bytes as they are.
    pub fn uuid(&mut self, value: u128) {
        self.raw(&value.to_be_bytes());
    }

    /// Appends a string: zero bytes escaped, two zero bytes behind it, so that a part of a
    /// tuple ends where it ends and a shorter string sorts first.
    pub fn string(&mut self, value: &str) {
        let mut parts = value.as_bytes().split(|&byte| byte == 0);
        self.raw(parts.next().unwrap_or_default());
        for part in parts {
            self.raw(&[0, 0xff]);
            self.raw(part);
        }
        self.raw(&[0, 0]);
    }

    fn raw(&mut self, bytes: &[u8]) {
        if self.spilled.is_empty() && self.len + bytes.len() <= INLINE {
            self.inline[self.len..self.len + bytes.len()].copy_from_slice(bytes);
            self.len += bytes.len();
            return;
        }
        if self.spilled.is_empty() {
            self.spilled.extend_from_slice(&self.inline[..self.len]);
        }
        self.spilled.extend_from_slice(bytes);
    }

    /// The key made of all that was written.
    pub fn finish(self) -> IdKey {
        if self.spilled.is_empty() {
            IdKey(Repr::Inline {
                len: self.len as u8,
                bytes: self.inline,
            })
        } else {
            IdKey(Repr::Shared(self.spilled.into()))
        }
    }
}

fn unsigned(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

fn signed(value: i64) -> [u8; 8] {
    unsigned(value.cast_unsigned() ^ (1 << 63))
}

/// Reads an id's parts back from ordered bytes.
#[derive(Debug)]
pub struct IdReader<'a> {
    rest: &'a [u8],
}

impl IdReader<'_> {
    /// Reads what [`IdWriter::unsigned`] wrote.
    pub fn unsigned(&mut self) -> Option<u64> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_be_bytes(*head))
    }

    /// Reads what [`IdWriter::signed`] wrote.
    pub fn signed(&mut self) -> Option<i64> {
        Some((self.unsigned()? ^ (1 << 63)).cast_signed())
    }

    /// Reads what [`IdWriter::uuid`] wrote.
    pub fn uuid(&mut self) -> Option<u128> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u128::from_be_bytes(*head))
    }

    /// Reads what [`IdWriter::string`] wrote.
    pub fn string(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            let zero = self.rest.iter().position(|&byte| byte == 0)?;
            bytes.extend_from_slice(&self.rest[..zero]);
            let mark = *self.rest.get(zero + 1)?;
            self.rest = &self.rest[zero + 2..];
            match mark {
                0 => return String::from_utf8(bytes).ok(),
                0xff => bytes.push(0),
                _ => return None,
            }
        }
    }
}

macro_rules! integer_id {
    ($($int:ty, $method:ident, $wide:ty;)*) => {$(
        impl Id for $int {
            fn write(&self, out: &mut IdWriter) {
                out.$method(<$wide>::from(*self));
            }
            fn read(input: &mut IdReader<'_>) -> Option<Self> {
                Self::try_from(input.$method()?).ok()
            }
            fn to_key(&self) -> IdKey {
                IdKey::short($method(<$wide>::from(*self)))
            }
        }
    )*};
}
integer_id! {
    u8, unsigned, u64; u16, unsigned, u64; u32, unsigned, u64; u64, unsigned, u64;
    i8, signed, i64; i16, signed, i64; i32, signed, i64; i64, signed, i64;
}

impl Id for String {
    fn write(&self, out: &mut IdWriter) {
        out.string(self);
    }
    fn read(input: &mut IdReader<'_>) -> Option<Self> {
        input.string()
    }
    fn to_key(&self) -> IdKey {
        self.as_str().key()
    }
}

#[cfg(feature = "uuid")]
impl Id for uuid::Uuid {
    fn write(&self, out: &mut IdWriter) {
        out.uuid(self.as_u128());
    }
    fn read(input: &mut IdReader<'_>) -> Option<Self> {
        input.uuid().map(uuid::Uuid::from_u128)
    }
}

macro_rules! tuple_id {
    ($($name:ident . $index:tt),+) => {
        impl<$($name: Id),+> Id for ($($name,)+) {
            fn write(&self, out: &mut IdWriter) {
                $(self.$index.write(out);)+
            }
            fn read(input: &mut IdReader<'_>) -> Option<Self> {
                Some(($($name::read(input)?,)+))
            }
        }
    };
}
tuple_id!(A.0, B.1);
tuple_id!(A.0, B.1, C.2);
tuple_id!(A.0, B.1, C.2, D.3);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trips<I: Id>(id: &I) -> bool {
        I::from_key(&id.to_key()).as_ref() == Some(id)
    }

    proptest! {
        #[test]
        fn keys_order_as_their_ids_do(a: (i64, String, u64), b: (i64, String, u64)) {
            prop_assert_eq!(a.cmp(&b), a.to_key().cmp(&b.to_key()));
            prop_assert!(round_trips(&a));
        }

        #[test]
        fn strings_with_zero_bytes_keep_their_order(
            a in "[\u{0}\u{1}a]{0,30}", b in "[\u{0}\u{1}a]{0,30}", n: u8,
        ) {
            let (a, b) = ((a, n), (b, n));
            prop_assert_eq!(a.cmp(&b), a.to_key().cmp(&b.to_key()));
            prop_assert_eq!(a == b, a.to_key() == b.to_key());
            prop_assert!(round_trips(&a));
        }
    }

    proptest! {
        #[test]
        fn a_string_has_the_key_that_is_written_of_it(text in "[\u{0}a-z\u{e9}]{0,30}") {
            let mut writer = IdWriter::default();
            writer.string(&text);
            prop_assert_eq!(text.to_key(), writer.finish());
            prop_assert_eq!(text.as_str().key(), text.to_key());
            prop_assert!(round_trips(&text));
        }
    }

    #[test]
    fn a_key_of_another_type_is_refused() {
        assert_eq!(u8::from_key(&300_u64.to_key()), None);
        assert_eq!(u64::from_key(&"x".to_owned().to_key()), None);
    }
}
