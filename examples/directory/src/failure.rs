//! Why something could not be done.

use std::fmt;
use std::io;

use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;

use crate::panel::Trouble;
use crate::view::Notice;

/// Why the program does not start, or a page could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// The cache failed.
    Cache(larder::Error),
    /// The database failed.
    Database(DbErr),
    /// The address cannot be listened at.
    Listen(String, io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Cache(error) => write!(f, "the cache: {error}"),
            Self::Database(error) => write!(f, "the database: {error}"),
            Self::Listen(address, error) => {
                write!(f, "nothing can be served at {address}: {error}")
            }
        }
    }
}

impl std::error::Error for Failure {}

impl From<larder::Error> for Failure {
    fn from(error: larder::Error) -> Self {
        Self::Cache(error)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for Failure {
    /// A page that says that something failed. What it was is for the panel.
    fn into_response(self) -> Response {
        let mut response = Notice::failed().into_response();
        response.extensions_mut().insert(Trouble(self.to_string()));
        response
    }
}
