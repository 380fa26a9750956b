//! Whose page it is.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;

/// Who a request is from, as far as its page is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Whoever: the page is the same for all, whatever credentials the request has. Say this only
    /// of pages that are.
    Anyone,
    /// This one: the page is kept for requests of the same identity alone.
    Of(String),
    /// It cannot be told: a request with credentials passes the cache by, any other is anyone's.
    Unknown,
}

impl From<Option<String>> for Identity {
    fn from(identity: Option<String>) -> Self {
        identity.map_or(Self::Unknown, Self::Of)
    }
}

/// Says who a request is from. Functions of its parts are one.
pub trait CacheIdentity: Send + Sync + 'static {
    /// Who this request is from.
    fn identify(&self, request: &Parts) -> Identity;
}

impl<F, I> CacheIdentity for F
where
    F: Fn(&Parts) -> I + Send + Sync + 'static,
    I: Into<Identity>,
{
    fn identify(&self, request: &Parts) -> Identity {
        self(request).into()
    }
}

/// The field by which a request says who it is from, if any.
pub(crate) fn credentials(headers: &HeaderMap) -> Option<crate::Why> {
    if headers.contains_key(AUTHORIZATION) {
        return Some(crate::Why::Authorization);
    }
    headers.contains_key(COOKIE).then_some(crate::Why::Cookie)
}
