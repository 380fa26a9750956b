//! Bodies of requests: as they come, or read to be part of keys.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use http_body::Body;

use crate::body::{Collected, PageBody, collect};

/// How a layer takes the bodies of requests in.
pub trait Intake<B>: Clone + fmt::Debug + Send + Sync + 'static {
    /// The body that the inner service is given.
    type Body: Send + 'static;

    /// A body as it comes, for the inner service.
    fn through(body: B) -> Self::Body;

    /// A body that was read.
    fn whole(bytes: Bytes) -> Self::Body;

    /// Whether a request has no body.
    fn is_none(body: &B) -> bool;

    /// Reads a body of at most so many bytes; `Err` with the body, untouched to its reader, if it
    /// is larger, or is not read at all.
    fn read(body: B, most: Option<usize>)
    -> impl Future<Output = Result<Bytes, Self::Body>> + Send;
}

/// Bodies as they come. A request that has one passes the cache by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl<B: Body + Default + Send + 'static> Intake<B> for Plain {
    type Body = B;

    fn through(body: B) -> B {
        body
    }

    fn whole(_: Bytes) -> B {
        B::default()
    }

    fn is_none(body: &B) -> bool {
        body.is_end_stream()
    }

    async fn read(body: B, _: Option<usize>) -> Result<Bytes, B> {
        Err(body)
    }
}

/// Bodies that rules may make part of keys. The inner service is given them as [`PageBody`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffered;

impl<B> Intake<B> for Buffered
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Body = PageBody<B>;

    fn through(body: B) -> PageBody<B> {
        PageBody::through(body)
    }

    fn whole(bytes: Bytes) -> PageBody<B> {
        PageBody::whole(bytes)
    }

    fn is_none(body: &B) -> bool {
        body.is_end_stream()
    }

    async fn read(body: B, most: Option<usize>) -> Result<Bytes, PageBody<B>> {
        let Some(most) = most else {
            return Err(PageBody::through(body));
        };
        match collect(body, most).await {
            Collected::Whole(bytes) => Ok(bytes),
            Collected::Not(body, _) => Err(body),
        }
    }
}
