//! Vocabulary, contract and typed front of Larder. No I/O, no threads; loads alone need a runtime,
//! which is the caller's.
//!
//! In reading order: values and ids, models and their fields, filters and what they mean,
//! queries, the store contract, and the typed caches in front of it.

pub mod aggregate;
pub mod codec;
pub mod deps;
pub mod document;
pub mod expr;
pub mod glob;
pub mod model;
pub mod query;
pub mod ranking;
pub mod schema;
pub mod store;
pub mod text;

mod after_commit;
mod cache;
mod cached_fn;
mod change;
mod clock;
mod counters;
mod error;
mod eval;
mod fact;
mod fence;
mod field;
mod filter;
mod find;
mod flight;
mod id;
mod key_cache;
mod keyed;
mod list;
mod load;
mod policy;
mod runtime;
mod source;
mod sync;
mod value;
mod weigh;

pub use after_commit::{AfterCommit, Aftermath, Committed, Fenced};
pub use aggregate::{Aggregate, Aggregated, Facets, Group};
pub use cache::{Cache, CacheBuilder, PutOptions, Stats};
pub use cached_fn::{CachedFn, CachedFnBuilder};
pub use change::RowChange;
pub use clock::{Clock, SystemClock, Timestamp};
pub use counters::{LoadStats, Rejected, StaleServed};
pub use document::Document;
pub use error::{Error, ErrorKind, Invalid, Result};
pub use fence::Fence;
pub use field::{
    Caps, Class, Elements, Exact, Field, FieldRef, FieldValue, Geo, Keyword, List, No, Number,
    Scalar, Yes,
};
pub use filter::{Filter, MAX_CONDITIONS, MAX_DEPTH};
pub use find::{Find, FindStream};
pub use id::{Id, IdKey, IdLike, IdReader, IdWriter};
pub use key_cache::KeyCache;
pub use keyed::{Key, Keyed};
pub use load::{FillContext, LoadError, Loaded, Refresher};
pub use model::{CacheFields, CacheModel, Change, Object, Patch, keep};
pub use policy::{Policy, PolicyBuilder};
pub use query::{Cursor, Extent, Page, Sort, Total, Truncation};
pub use runtime::{Runtime, TokioRuntime};
pub use schema::{FieldSpec, Kind, Schema};
pub use source::{Source, SourcedCache};
pub use store::{
    CacheStore, Capability, Condition, Fate, Lifetime, PutOutcome, Store, StoreStats, Tags,
};
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
