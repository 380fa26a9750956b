//! Bodies: whole from the cache, as they come from a handler, or begun here and ended there.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::report::Why;

/// The body of a response; and of a request, where bodies are part of keys.
pub struct PageBody<B: Body>(Inner<B>);

enum Inner<B: Body> {
    Whole(Bytes),
    Through(Pin<Box<B>>),
    Begun(Box<Begun<B>>),
}

/// What was read already, and what follows.
struct Begun<B: Body> {
    first: VecDeque<Frame<Bytes>>,
    /// An error that was read already; nothing follows it.
    error: Option<B::Error>,
    rest: Option<Pin<Box<B>>>,
}

impl<B: Body> fmt::Debug for PageBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBody").finish_non_exhaustive()
    }
}

impl<B: Body> Default for PageBody<B> {
    /// An empty body.
    fn default() -> Self {
        Self::whole(Bytes::new())
    }
}

impl<B: Body> PageBody<B> {
    /// A body that is there as a whole.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Inner::Whole(bytes))
    }

    /// A body as it comes.
    pub(crate) fn through(body: B) -> Self {
        Self(Inner::Through(Box::pin(body)))
    }
}

impl<B: Body<Data = Bytes>> Body for PageBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.0 {
            Inner::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Inner::Through(body) => body.as_mut().poll_frame(context),
            Inner::Begun(begun) => {
                if let Some(frame) = begun.first.pop_front() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                if let Some(error) = begun.error.take() {
                    return Poll::Ready(Some(Err(error)));
                }
                match &mut begun.rest {
                    Some(body) => body.as_mut().poll_frame(context),
                    None => Poll::Ready(None),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Through(body) => body.is_end_stream(),
            Inner::Begun(begun) => {
                let is_over = begun.rest.as_ref().is_none_or(|body| body.is_end_stream());
                begun.first.is_empty() && begun.error.is_none() && is_over
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Through(body) => body.size_hint(),
            Inner::Begun(begun) => {
                let read = begun.first.iter().filter_map(Frame::data_ref);
                let read: u64 = read.map(|bytes| bytes.len() as u64).sum();
                let rest = begun.rest.as_ref().map(|body| body.size_hint());
                let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
                let mut hint = SizeHint::new();
                hint.set_lower(read.saturating_add(rest.lower()));
                if let Some(upper) = rest.upper().and_then(|rest| rest.checked_add(read)) {
                    hint.set_upper(upper);
                }
                hint
            }
        }
    }
}

/// A body that was to be read as a whole.
pub(crate) enum Collected<B: Body> {
    Whole(Bytes),
    /// It could not be; it is there to be passed on.
    Not(PageBody<B>, Why),
}

/// Reads a body of at most so many bytes. One that is larger is left where it is, with what was
/// read of it before it; so is one that says that it is larger, untouched.
pub(crate) async fn collect<B: Body<Data = Bytes>>(body: B, most: usize) -> Collected<B> {
    let most = most as u64;
    if body.size_hint().lower() > most {
        return Collected::Not(PageBody::through(body), Why::TooLarge);
    }
    let mut body = Box::pin(body);
    let mut first: VecDeque<Frame<Bytes>> = VecDeque::new();
    let mut read = 0;
    loop {
        let (error, rest, why) = match poll_fn(|context| body.as_mut().poll_frame(context)).await {
            None => return Collected::Whole(joined(first)),
            Some(Err(error)) => (Some(error), None, Why::BodyFailed),
            Some(Ok(frame)) => {
                let data = frame.data_ref().map(|data| data.remaining() as u64);
                if data == Some(0) {
                    // Without number, they would fill the queue and never the limit.
                    continue;
                }
                first.push_back(frame);
                read += data.unwrap_or(0);
                match data {
                    Some(_) if read <= most => continue,
                    Some(_) => (None, Some(body), Why::TooLarge),
                    None => (None, Some(body), Why::Trailers),
                }
            }
        };
        let begun = Begun { first, error, rest };
        return Collected::Not(PageBody(Inner::Begun(Box::new(begun))), why);
    }
}

/// The data of frames in one piece; of one frame, without a copy.
fn joined(mut frames: VecDeque<Frame<Bytes>>) -> Bytes {
    if frames.len() < 2 {
        let only = frames.pop_front().map(Frame::into_data);
        return only.and_then(Result::ok).unwrap_or_default();
    }
    let data = || frames.iter().filter_map(Frame::data_ref);
    let mut whole = BytesMut::with_capacity(data().map(Bytes::len).sum());
    data().for_each(|data| whole.extend_from_slice(data));
    whole.freeze()
}
