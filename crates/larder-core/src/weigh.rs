//! How many bytes an object takes in memory, counted by a serializer that writes nothing.

use std::fmt::Display;

use serde::ser::{self, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};

/// Counts what `value` holds: numbers by their width, strings by their header and letters,
/// sequences and maps by a header and their parts. An estimate: spare capacity and the layout
/// of enums are not seen.
pub(crate) fn weigh<T: Serialize + ?Sized>(value: &T) -> Result<usize> {
    let mut counter = Counter(0);
    value
        .serialize(&mut counter)
        .map_err(|refusal| Error::new(ErrorKind::Encode, refusal.0))?;
    Ok(counter.0)
}

struct Counter(usize);

#[derive(Debug)]
struct Refusal(String);

impl Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

const HEADER: usize = 24;

macro_rules! fixed {
    ($($method:ident($type:ty);)*) => {$(
        fn $method(self, _: $type) -> Result<(), Refusal> {
            self.0 += size_of::<$type>();
            Ok(())
        }
    )*};
}

impl Serializer for &mut Counter {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fixed! {
        serialize_bool(bool); serialize_char(char);
        serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64); serialize_i128(i128);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_u128(u128);
        serialize_f32(f32); serialize_f64(f64);
    }

    fn serialize_str(self, text: &str) -> Result<(), Refusal> {
        self.0 += HEADER + text.len();
        Ok(())
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Refusal> {
        self.0 += HEADER + bytes.len();
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Refusal> {
        self.0 += 8;
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Refusal> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refusal> {
        Ok(())
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Refusal> {
        self.0 += 1;
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        self.0 += 8;
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Refusal> {
        self.0 += HEADER;
        Ok(self)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        self.0 += 8;
        Ok(self)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self, Refusal> {
        self.0 += 2 * HEADER;
        Ok(self)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        self.0 += 8;
        Ok(self)
    }
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        struct Length<'a>(&'a mut usize);
        impl std::fmt::Write for Length<'_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                *self.0 += text.len();
                Ok(())
            }
        }
        self.0 += HEADER;
        std::fmt::Write::write_fmt(&mut Length(&mut self.0), format_args!("{value}"))
            .map_err(ser::Error::custom)
    }
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! parts {
    ($($trait:ident $method:ident($($key:ty)?);)*) => {$(
        impl ser::$trait for &mut Counter {
            type Ok = ();
            type Error = Refusal;
            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), Refusal> {
                value.serialize(&mut **self)
            }
            fn end(self) -> Result<(), Refusal> {
                Ok(())
            }
        }
    )*};
}
parts! {
    SerializeSeq serialize_element();
    SerializeTuple serialize_element();
    SerializeTupleStruct serialize_field();
    SerializeTupleVariant serialize_field();
    SerializeStruct serialize_field(&'static str);
    SerializeStructVariant serialize_field(&'static str);
}

impl ser::SerializeMap for &mut Counter {
    type Ok = ();
    type Error = Refusal;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refusal> {
        key.serialize(&mut **self)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        value.serialize(&mut **self)
    }
    fn end(self) -> Result<(), Refusal> {
        Ok(())
    }
}
