//! Errors of the engine below, as Larder's.

use larder_core::{Error, ErrorKind};

pub(crate) const STORE: &str = "embedded";

pub(crate) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    internal("tantivy failed").with_source(error)
}

pub(crate) fn internal(message: &str) -> Error {
    Error::internal(message).with_store(STORE)
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store was closed; open a new one").with_store(STORE)
}
