//! Vocabulary, contract and typed front of Larder. No I/O, no threads, no runtime.
//!
//! In reading order: values and ids, models and their fields, filters and what they mean,
//! queries, the store contract, and the typed caches in front of it.

pub mod codec;
pub mod model;
pub mod schema;
pub mod text;

mod clock;
mod error;
mod field;
mod filter;
mod id;
mod query;
mod value;
mod weigh;

pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Invalid, Result};
pub use field::{
    Caps, Class, Elements, Exact, Field, FieldRef, FieldValue, Geo, Keyword, List, No, Number,
    Scalar, Yes,
};
pub use filter::{Filter, MAX_CONDITIONS, MAX_DEPTH};
pub use id::{Id, IdKey, IdLike, IdReader, IdWriter};
pub use model::{CacheFields, CacheModel, Change, Object, Patch, keep};
pub use query::Sort;
pub use schema::{FieldSpec, Kind, Schema};
pub use text::Analyzer;
pub use value::{GeoPoint, Value, ValueRef, fold_case};

/// What derived code refers to. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::{Error, Invalid, Result};
    pub use crate::field::{Caps, Class, Field, FieldRef, FieldValue, No, Scalar, Yes};
    pub use crate::id::{Id, IdKey, IdWriter};
    pub use crate::model::{
        After, Base, CacheFields, CacheModel, Change, FieldsAt, Offset, Patch, Root,
    };
    pub use crate::schema::{FieldSpec, Kind, Schema};
    pub use crate::text::Analyzer;
    pub use crate::value::ValueRef;
    pub use std;
}
