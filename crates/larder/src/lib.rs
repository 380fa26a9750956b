//! Larder: a cache whose objects can be queried.
//!
//! See the README for a first program. A model is a struct with `#[derive(CacheModel)]`; a
//! [`Cache`] holds its objects in a [`Store`]; [`Cache::find`] asks for them by what they hold.
//!
//! # Features
//! - `derive`, `embedded`: the macros, and the store on moka and tantivy; both are on by default.
//! - `redis`: the store on a Redis or Valkey server, that programs share. It turns on `bincode`.
//! - `sea-orm`: what is cached of a row is removed once its change is committed.
//! - `http`: a tower layer that caches whole responses; see [`http`].
//! - `chrono`, `time`, `uuid`, `decimal`: fields of these crates' types; the last is `rust_decimal`.
//!   With its plain feature `serde`, decimals are written by `bincode` and `postcard` and not read
//!   back, so that every `get` from a store that keeps bytes is a miss
//!   ([`Stats::last_undecodable`] says why). Give `rust_decimal` its feature `serde-str`, or
//!   `serde-with-str` and the field `#[serde(with = "rust_decimal::serde::str")]`.
//! - `bincode`, `postcard`, `json`, `messagepack`: the codecs of stores that keep bytes; see
//!   [`codec`] for what each is good for and what it cannot read. The embedded store needs none.

mod connect;

pub use connect::connect;
#[doc(hidden)]
pub use larder_core::__private;
pub use larder_core::{
    AfterCommit, Aftermath, Aggregate, Aggregated, Analyzer, Cache, CacheBuilder, CacheFields,
    CacheModel, CacheStore, CachedFn, CachedFnBuilder, Capability, Caps, Change, Class, Clock,
    Committed, Condition, Cursor, Document, Error, ErrorKind, Exact, Extent, Facets, Fence, Fenced,
    Field, FieldSpec, FieldValue, FillContext, Filter, Find, FindStream, Geo, GeoPoint, Group, Id,
    IdKey, IdLike, Invalid, Key, KeyCache, Keyed, Keyword, Kind, Lifetime, List, LoadError,
    LoadStats, Loaded, No, Number, Page, Patch, Policy, PolicyBuilder, PutOptions, PutOutcome,
    Refresher, Rejected, Result, RowChange, Runtime, Scalar, Schema, Sort, Source, SourcedCache,
    StaleServed, Stats, Store, StoreStats, SystemClock, Tags, Timestamp, TokioRuntime, Total,
    Truncation, Value, ValueRef, Yes, codec, keep,
};
#[cfg(feature = "derive")]
pub use larder_derive::{CacheFields, CacheModel, CacheValue};
#[cfg(feature = "embedded")]
pub use larder_embedded as embedded;
#[cfg(feature = "embedded")]
pub use larder_embedded::EmbeddedStore;
#[cfg(feature = "http")]
pub use larder_http as http;
#[cfg(feature = "redis")]
pub use larder_redis as redis;
#[cfg(feature = "redis")]
pub use larder_redis::RedisStore;
#[cfg(feature = "sea-orm")]
pub use larder_sea_orm as sea_orm;

/// The README's program has to compile.
#[cfg(all(doctest, feature = "derive", feature = "embedded"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
