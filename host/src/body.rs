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
const SMALL: usize = 4097;

/// How much of a body is there.
pub enum Arrived {
    /// Its end came.
    Whole,
    /// It is passed on while it arrives, and notes here if it is late.
    Coming(Arc<AtomicBool>),
    /// It did not come in time.
    Late,
}

impl Arrived {
    /// Whether it has missed its time limit, as far as is known now.
    pub fn is_late(&self) -> bool {
        match self {
            Self::Whole => false,
            Self::Coming(is_late) => is_late.load(Ordering::Relaxed),
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
pub async fn arrived(headers: &HeaderMap, body: Incoming, limit: Duration) -> (Arrived, WasiBody) {
    if body.is_end_stream() {
        return (Arrived::Whole, parts(VecDeque::new(), None));
    }
    let deadline = Instant::now().checked_add(limit).unwrap_or_else(Instant::now);
    if headers.contains_key(EXPECT) || announced(headers).is_some_and(|length| length >= SMALL) {
        return coming(VecDeque::new(), body, deadline);
    }
    read(body, deadline).await
}

async fn read(mut body: Incoming, deadline: Instant) -> (Arrived, WasiBody) {
    let (mut came, mut bytes) = (VecDeque::new(), 0_usize);
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                came.push_back(frame);
            }
            Ok(Some(Err(error))) => return (Arrived::Whole, parts(came, Some(error.into()))),
            Ok(None) => return (Arrived::Whole, parts(came, None)),
            Err(_) => {
                drop(Lingering::new(body));
                return (Arrived::Late, parts(came, Some(Error::ConnectionReadTimeout)));
            }
        }
        if body.is_end_stream() {
            return (Arrived::Whole, parts(came, None));
        }
        if bytes >= SMALL {
            return coming(came, body, deadline);
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn parts(came: VecDeque<Frame<Bytes>>, error: Option<Error>) -> WasiBody {
    Parts { came, error }.boxed_unsync()
}

fn coming(came: VecDeque<Frame<Bytes>>, body: Incoming, deadline: Instant) -> (Arrived, WasiBody) {
    let (timer, is_late) = (Box::pin(tokio::time::sleep_until(deadline)), Arc::<AtomicBool>::default());
    let body = Coming { came, rest: Lingering::new(body), timer, is_late: is_late.clone() };
    (Arrived::Coming(is_late), body.boxed_unsync())
}

/// A body that has arrived, or failed, completely.
struct Parts {
    came: VecDeque<Frame<Bytes>>,
    error: Option<Error>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(match self.came.pop_front() {
            Some(frame) => Some(Ok(frame)),
            None => self.error.take().map(Err),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.came.is_empty() && self.error.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.error {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(length(&self.came)),
        }
    }
}

fn length(came: &VecDeque<Frame<Bytes>>) -> u64 {
    let lengths = came.iter().filter_map(Frame::data_ref).map(|data| u64::try_from(data.len()));
    lengths.fold(0, |sum, length| sum.saturating_add(length.unwrap_or(u64::MAX)))
}

/// A body that is passed on while it arrives.
struct Coming {
    came: VecDeque<Frame<Bytes>>,
    rest: Lingering<Incoming>,
    timer: Pin<Box<Sleep>>,
    is_late: Arc<AtomicBool>,
}

impl Body for Coming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(frame) = self.came.pop_front() {
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
        self.came.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, came) = (self.rest.size_hint(), length(&self.came));
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(came));
        }
        hint.set_lower(rest.lower().saturating_add(came));
        hint
    }
}
