//! Request bodies that a component does not read to their end.
//!
//! If a server closes a connection over unread bytes, TCP resets it, and the answer may be lost (RFC 9112, section
//! 9.6). So the unread rest of a body is read and dropped for a while: a client that sends too much should get its
//! answer.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How much is read after all.
const MOST_BYTES: usize = 1 << 20;
/// How long that may take.
const LONGEST: Duration = Duration::from_secs(2);

/// A body that is read on after it was dropped.
pub struct Lingering<B: Body<Data = Bytes> + Unpin + Send + 'static>(Option<B>);

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Lingering<B> {
    /// Must be created and dropped inside a Tokio runtime.
    pub fn new(body: B) -> Self {
        Self(Some(body))
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Body for Lingering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Drop for Lingering<B> {
    fn drop(&mut self) {
        if let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) {
            tokio::spawn(tokio::time::timeout(LONGEST, read_on(body)));
        }
    }
}

async fn read_on<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = MOST_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(read) else { return };
        left = rest;
    }
}
