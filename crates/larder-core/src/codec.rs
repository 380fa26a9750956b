//! Codecs: how an object becomes bytes where a store needs bytes.
//!
//! The embedded store keeps live objects and uses none.
//!
//! Of those here, `Json` and `MessagePack` write the names of fields and read any type that
//! serde can describe. `Bincode` and `Postcard` write values alone, which is small and quick,
//! and cannot read back what asks the bytes for its own shape: `#[serde(untagged)]`,
//! `#[serde(tag = "..")]`, `#[serde(flatten)]`, a field left out by `skip_serializing_if`, a
//! `serde_json::Value`. Some of these fail only when read, which is a miss;
//! [`Stats`](crate::Stats) counts such misses and says why the last one failed, and [`round_trip`]
//! finds them in a test.
//!
//! `rust_decimal::Decimal` is one of them, unless `rust_decimal` has its feature `serde-str`, or
//! `serde-with-str` and the field `#[serde(with = "rust_decimal::serde::str")]` (`str_option`
//! if it is an `Option`).
//!
//! Bytes need not be trusted: none makes a codec panic, or reserve memory out of all proportion to
//! their number. Only a type that contains itself can be nested by them deeper than the stack
//! goes, in any format but JSON.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
#[cfg(feature = "bincode")]
use serde::de::DeserializeSeed;

use crate::error::{Error, ErrorKind, Result};

/// Turns objects into bytes and back.
///
/// Each codec has a number that is stored beside the bytes it wrote, so that values of several
/// codecs can lie side by side and be read by whichever wrote them.
pub trait Codec: std::fmt::Debug + Send + Sync + 'static {
    /// The number stored beside the bytes. Larder's own codecs take 1 to 31.
    fn number(&self) -> u8;
    /// The codec's name in messages.
    fn name(&self) -> &'static str;
    /// The object as bytes.
    ///
    /// # Errors
    /// `Encode` if the object cannot be written in this format.
    fn encode(&self, object: &dyn erased_serde::Serialize) -> Result<Bytes>;
    /// Gives `read` a deserializer over the bytes.
    ///
    /// # Errors
    /// `Decode` if the bytes are not what the codec writes, or if `read` fails.
    fn decode(
        &self,
        bytes: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<()>,
    ) -> Result<()>;
}

/// Reads a `T` from bytes that `codec` wrote.
///
/// # Errors
/// `Decode` if the bytes are no such `T`.
pub fn decode<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> Result<T> {
    #[cfg(feature = "bincode")]
    if codec.number() == Bincode.number() {
        // The default, without the detour of a deserializer whose type nobody knows: it takes
        // three times as long.
        return read_bincode(bytes, std::marker::PhantomData::<T>);
    }
    let mut object = None;
    codec.decode(bytes, &mut |deserializer| {
        object = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    })?;
    object.ok_or_else(|| Error::new(ErrorKind::Decode, "the codec read nothing"))
}

/// Writes an object and reads it back: whether `codec` suits its type, for use in a test.
///
/// ```
/// # #[cfg(feature = "bincode")]
/// # fn main() -> larder_core::Result<()> {
/// use larder_core::codec::{Bincode, round_trip};
///
/// let point = (1.5, Some("here".to_owned()));
/// assert_eq!(round_trip(&Bincode, &point)?, point);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincode"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// `Encode` if it cannot be written, `Decode` if what was written cannot be read.
pub fn round_trip<T: Serialize + DeserializeOwned>(codec: &dyn Codec, object: &T) -> Result<T> {
    decode(codec, &codec.encode(object)?)
}

/// Larder's own codecs, compiled in or not: number and name, which is also that of the feature.
const BUILT_IN: [(u8, &str); 4] = [
    (1, "bincode"),
    (2, "postcard"),
    (3, "json"),
    (4, "messagepack"),
];

/// The codec of Larder's own with this number, as stored beside the bytes it wrote; `None` if it
/// is not compiled in or there is none. [`missing`] says which.
pub fn by_number(number: u8) -> Option<Arc<dyn Codec>> {
    match number {
        #[cfg(feature = "bincode")]
        1 => Some(Arc::new(Bincode)),
        #[cfg(feature = "postcard")]
        2 => Some(Arc::new(Postcard)),
        #[cfg(feature = "json")]
        3 => Some(Arc::new(Json)),
        #[cfg(feature = "messagepack")]
        4 => Some(Arc::new(MessagePack)),
        _ => None,
    }
}

/// The codec of Larder's own with this name: `bincode`, `postcard`, `json` or `messagepack`.
///
/// # Errors
/// `InvalidConfig` if there is none of this name, or if it is not compiled in; then the message
/// names the feature to turn on.
pub fn named(name: &str) -> Result<Arc<dyn Codec>> {
    let Some((number, name)) = BUILT_IN.iter().find(|(_, known)| *known == name) else {
        let known = BUILT_IN.map(|(_, name)| name).join(", ");
        return Err(Error::invalid_config(format!(
            "there is no codec `{name}`; there are: {known}"
        )));
    };
    by_number(*number).ok_or_else(|| {
        Error::invalid_config(format!(
            "the codec `{name}` is not compiled in; turn on the feature `{name}` of larder"
        ))
    })
}

/// What to say of bytes whose codec [`by_number`] does not find: the feature to turn on, or that
/// the codec is none of Larder's.
///
/// It is `InvalidConfig`, not `Decode`: the bytes may be in order, and are read by a program that
/// has the codec.
pub fn missing(number: u8) -> Error {
    let known = BUILT_IN.iter().find(|(known, _)| *known == number);
    Error::invalid_config(match known {
        Some((_, name)) => format!(
            "an object was written by the codec `{name}`, which is not compiled in; turn on the feature `{name}` of larder"
        ),
        None => format!(
            "an object was written by a codec of number {number}, which is none of Larder's; give the store that codec"
        ),
    })
}

#[cfg(any(
    feature = "bincode",
    feature = "postcard",
    feature = "json",
    feature = "messagepack"
))]
fn fail(kind: ErrorKind, codec: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::new(kind, format!("{codec}: {cause}"))
}

#[cfg(any(feature = "bincode", feature = "postcard", feature = "messagepack"))]
const LEFT_OVER: &str = "bytes are left over";

/// bincode 2 with its standard configuration: the default of stores that keep bytes.
#[cfg(feature = "bincode")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Bincode;

#[cfg(feature = "bincode")]
impl Codec for Bincode {
    fn number(&self) -> u8 {
        1
    }
    fn name(&self) -> &'static str {
        "bincode"
    }
    fn encode(&self, object: &dyn erased_serde::Serialize) -> Result<Bytes> {
        bincode::serde::encode_to_vec(object, bincode::config::standard())
            .map(Bytes::from)
            .map_err(|cause| fail(ErrorKind::Encode, "bincode", &cause))
    }
    fn decode(
        &self,
        bytes: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<()>,
    ) -> Result<()> {
        struct Seed<'r> {
            read: &'r mut dyn FnMut(
                &mut dyn erased_serde::Deserializer<'_>,
            ) -> erased_serde::Result<()>,
            failure: &'r mut Option<erased_serde::Error>,
        }
        impl<'de> DeserializeSeed<'de> for Seed<'_> {
            type Value = ();
            fn deserialize<D: serde::Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<(), D::Error> {
                let mut erased = <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
                (self.read)(&mut erased).map_err(|cause| {
                    *self.failure = Some(cause);
                    serde::de::Error::custom("")
                })
            }
        }
        let mut failure = None;
        let seed = Seed {
            read,
            failure: &mut failure,
        };
        let outcome = read_bincode(bytes, seed);
        match failure {
            Some(cause) => Err(fail(ErrorKind::Decode, "bincode", &cause)),
            None => outcome,
        }
    }
}

/// Reads what bincode wrote, all of it.
#[cfg(feature = "bincode")]
fn read_bincode<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Result<S::Value> {
    /// 64 GiB, where there can be so many.
    const MOST: usize = (u32::MAX as usize).saturating_mul(16);
    // An allocation is claimed before it is made, and what is well formed claims at most 16
    // bytes for each that it has (an i128 may stand in one). The limit is a constant, hence
    // the steps.
    match bytes.len() >> 12 {
        0 => read_limited::<0x1_0000, S>(bytes, seed),
        1..=0xf => read_limited::<0x10_0000, S>(bytes, seed),
        0x10..=0xff => read_limited::<0x100_0000, S>(bytes, seed),
        0x100..=0xfff => read_limited::<0x1000_0000, S>(bytes, seed),
        0x1000..=0xffff => read_limited::<0xffff_ffff, S>(bytes, seed),
        _ => read_limited::<MOST, S>(bytes, seed),
    }
}

#[cfg(feature = "bincode")]
fn read_limited<'de, const LIMIT: usize, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    match bincode::serde::seed_decode_from_slice(seed, bytes, config) {
        Err(cause) => Err(fail(ErrorKind::Decode, "bincode", &cause)),
        Ok((_, length)) if length < bytes.len() => {
            Err(fail(ErrorKind::Decode, "bincode", &LEFT_OVER))
        }
        Ok((value, _)) => Ok(value),
    }
}

/// postcard: compact, and maintained where bincode no longer is. Its errors do not repeat what a
/// type's own `Serialize` or `Deserialize` said.
#[cfg(feature = "postcard")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

#[cfg(feature = "postcard")]
impl Codec for Postcard {
    fn number(&self) -> u8 {
        2
    }
    fn name(&self) -> &'static str {
        "postcard"
    }
    fn encode(&self, object: &dyn erased_serde::Serialize) -> Result<Bytes> {
        postcard::to_allocvec(object)
            .map(Bytes::from)
            .map_err(|cause| fail(ErrorKind::Encode, "postcard", &cause))
    }
    fn decode(
        &self,
        bytes: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<()>,
    ) -> Result<()> {
        let mut deserializer = postcard::Deserializer::from_bytes(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(
            &mut deserializer,
        ))
        .map_err(|cause| fail(ErrorKind::Decode, "postcard", &cause))?;
        match deserializer.finalize() {
            Ok([]) => Ok(()),
            Ok(_) => Err(fail(ErrorKind::Decode, "postcard", &LEFT_OVER)),
            Err(cause) => Err(fail(ErrorKind::Decode, "postcard", &cause)),
        }
    }
}

/// JSON: readable by other programs; the largest and slowest.
///
/// It has no NaN and no infinity: both are written as null, which is no number when read. It tells
/// `Some(None)` and `Some(())` from `None` no more, and nests at most 128 deep when read.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

#[cfg(feature = "json")]
impl Codec for Json {
    fn number(&self) -> u8 {
        3
    }
    fn name(&self) -> &'static str {
        "json"
    }
    fn encode(&self, object: &dyn erased_serde::Serialize) -> Result<Bytes> {
        serde_json::to_vec(object)
            .map(Bytes::from)
            .map_err(|cause| fail(ErrorKind::Encode, "json", &cause))
    }
    fn decode(
        &self,
        bytes: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<()>,
    ) -> Result<()> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(
            &mut deserializer,
        ))
        .map_err(|cause| fail(ErrorKind::Decode, "json", &cause))?;
        deserializer
            .end()
            .map_err(|cause| fail(ErrorKind::Decode, "json", &cause))
    }
}

/// MessagePack: readable by other programs, and smaller than JSON.
///
/// Structs are written as maps with the names of their fields, not as bare lists of values. It
/// takes the room of the names, and in exchange a field can be added (with `#[serde(default)]`),
/// moved or left out without making unreadable what is stored, and other programs see what is
/// what. Where size matters more than that, take a codec without names.
///
/// It tells `Some(None)` and `Some(())` from `None` no more than JSON does, and nests at most 128
/// deep when read, as JSON does.
#[cfg(feature = "messagepack")]
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

#[cfg(feature = "messagepack")]
impl Codec for MessagePack {
    fn number(&self) -> u8 {
        4
    }
    fn name(&self) -> &'static str {
        "messagepack"
    }
    fn encode(&self, object: &dyn erased_serde::Serialize) -> Result<Bytes> {
        rmp_serde::to_vec_named(object)
            .map(Bytes::from)
            .map_err(|cause| fail(ErrorKind::Encode, "messagepack", &cause))
    }
    fn decode(
        &self,
        bytes: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<()>,
    ) -> Result<()> {
        let mut rest = bytes;
        let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
        // Its own limit of 1,024 is more than a thread's stack of 2 MiB always has room for.
        deserializer.set_max_depth(128);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(
            &mut deserializer,
        ))
        .map_err(|cause| fail(ErrorKind::Decode, "messagepack", &cause))?;
        if rest.is_empty() {
            Ok(())
        } else {
            Err(fail(ErrorKind::Decode, "messagepack", &LEFT_OVER))
        }
    }
}

#[cfg(all(
    test,
    feature = "bincode",
    feature = "postcard",
    feature = "json",
    feature = "messagepack"
))]
mod tests;
