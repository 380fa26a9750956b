//! Codecs: how an object becomes bytes where a store needs bytes.
//!
//! The embedded store keeps live objects and uses none.

use bytes::Bytes;
use serde::de::DeserializeOwned;

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
    let mut object = None;
    codec.decode(bytes, &mut |deserializer| {
        object = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    })?;
    object.ok_or_else(|| Error::new(ErrorKind::Decode, "the codec read nothing"))
}

#[cfg(any(feature = "bincode", feature = "postcard", feature = "json"))]
fn fail(kind: ErrorKind, codec: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::new(kind, format!("{codec}: {cause}"))
}

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
        let mut decoder = bincode::serde::BorrowedSerdeDecoder::from_slice(
            bytes,
            bincode::config::standard(),
            (),
        );
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(
            decoder.as_deserializer(),
        ))
        .map_err(|cause| fail(ErrorKind::Decode, "bincode", &cause))
    }
}

/// postcard: compact, and maintained where bincode no longer is.
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
            Ok(_) => Err(Error::new(
                ErrorKind::Decode,
                "postcard: bytes are left over",
            )),
            Err(cause) => Err(fail(ErrorKind::Decode, "postcard", &cause)),
        }
    }
}

/// JSON: readable by other programs; the largest and slowest.
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
