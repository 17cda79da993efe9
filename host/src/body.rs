//! Reads a small request body to its end before a component gets the request.
//!
//! So a client that stalls in the middle of a body holds neither an instance nor a place. A larger body, or one
//! whose client expects `100 Continue`, is passed on while it arrives. Both have a time limit. When it passes, the
//! component sees an error (`connection-read-timeout`) and answers, and the connection is closed.

use crate::lingering::Lingering;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, HeaderMap, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, timeout_at};
use wasmtime_wasi_http::{Error, WasiBody};

/// Larger bodies are passed on while they arrive. It is one byte more than the bank accepts, so the bank can refuse a
/// body that is too large without waiting for all of it.
const SMALL_BYTES: usize = 4097;

/// How much of a body has arrived.
pub enum Arrived {
    /// Its end has arrived.
    Whole,
    /// It is passed on while it arrives, and notes here if it is late.
    Streamed(Arc<AtomicBool>),
    /// It did not arrive in time.
    Late,
}

impl Arrived {
    /// Whether it has missed its time limit, as far as is known now.
    pub fn is_late(&self) -> bool {
        match self {
            Self::Whole => false,
            Self::Streamed(is_late) => is_late.load(Ordering::Relaxed),
            Self::Late => true,
        }
    }
}

/// Whether the server can decode the body: chunked, or not encoded (RFC 9112, section 6.1).
pub fn is_decodable(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    is_chunked && codings.next().is_none()
}

/// Waits for the end of a small body, and not at all for a large one.
pub async fn read_small_body(headers: &HeaderMap, body: Incoming, limit: Duration) -> (Arrived, WasiBody) {
    if body.is_end_stream() {
        return (Arrived::Whole, parts(VecDeque::new(), None));
    }
    let deadline = Instant::now().checked_add(limit).unwrap_or_else(Instant::now);
    if headers.contains_key(EXPECT) || content_length(headers).is_some_and(|length| length >= SMALL_BYTES) {
        return streamed(VecDeque::new(), body, deadline);
    }
    read(body, deadline).await
}

async fn read(mut body: Incoming, deadline: Instant) -> (Arrived, WasiBody) {
    let (mut frames, mut bytes) = (VecDeque::new(), 0_usize);
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                frames.push_back(frame);
            }
            Ok(Some(Err(error))) => return (Arrived::Whole, parts(frames, Some(error.into()))),
            Ok(None) => return (Arrived::Whole, parts(frames, None)),
            Err(_) => {
                drop(Lingering::new(body));
                return (Arrived::Late, parts(frames, Some(Error::ConnectionReadTimeout)));
            }
        }
        if body.is_end_stream() {
            return (Arrived::Whole, parts(frames, None));
        }
        if bytes >= SMALL_BYTES {
            return streamed(frames, body, deadline);
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn parts(frames: VecDeque<Frame<Bytes>>, error: Option<Error>) -> WasiBody {
    Parts { frames, error }.boxed_unsync()
}

fn streamed(frames: VecDeque<Frame<Bytes>>, body: Incoming, deadline: Instant) -> (Arrived, WasiBody) {
    let (timer, is_late) = (Box::pin(tokio::time::sleep_until(deadline)), Arc::<AtomicBool>::default());
    let body = Streamed { frames, rest: Lingering::new(body), timer, is_late: is_late.clone() };
    (Arrived::Streamed(is_late), body.boxed_unsync())
}

/// A body that has arrived, or failed, completely.
struct Parts {
    frames: VecDeque<Frame<Bytes>>,
    error: Option<Error>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(match self.frames.pop_front() {
            Some(frame) => Some(Ok(frame)),
            None => self.error.take().map(Err),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.error.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.error {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(length(&self.frames)),
        }
    }
}

fn length(frames: &VecDeque<Frame<Bytes>>) -> u64 {
    let lengths = frames.iter().filter_map(Frame::data_ref).map(|data| u64::try_from(data.len()));
    lengths.fold(0, |sum, length| sum.saturating_add(length.unwrap_or(u64::MAX)))
}

/// A body that is passed on while it arrives.
struct Streamed {
    frames: VecDeque<Frame<Bytes>>,
    rest: Lingering<Incoming>,
    timer: Pin<Box<Sleep>>,
    is_late: Arc<AtomicBool>,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        self.timer.as_mut().poll(context).map(|()| {
            self.is_late.store(true, Ordering::Relaxed);
            Some(Err(Error::ConnectionReadTimeout))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, frames) = (self.rest.size_hint(), length(&self.frames));
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(frames));
        }
        hint.set_lower(rest.lower().saturating_add(frames));
        hint
    }
}
