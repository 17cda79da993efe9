//! What a connection is doing, and until when it may go on with that.
//!
//! A head, a body and the pause between requests each have a time limit, and so has an answer that the client does
//! not read. There is none while a component works. The state is noted where it changes, in the task of the
//! connection: [`Watched`] sees bytes come and go; the service sees requests begin and answers end.

use crate::limits::ClientLimits;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{future::poll_fn, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A client that reads more slowly than this counts as one that does not read.
const SLOWEST_BYTES_PER_SECOND: u64 = 1024;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for a request, of which nothing has arrived.
    Idle,
    /// The rest of a head.
    Head,
    /// Waiting for the rest of a body, before a component gets the request.
    Body,
    /// The component.
    Answer,
}

/// A connection, seen from outside.
pub struct Progress {
    state: Mutex<State>,
    closed: Notify,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when output is waiting for the client, and how much the client has taken since then.
    stalled: Option<(Instant, u64)>,
}

/// A connection that was just made.
impl Default for Progress {
    fn default() -> Self {
        let state = State { phase: Phase::Idle, since: Instant::now(), stalled: None };
        Self { state: Mutex::new(state), closed: Notify::new() }
    }
}

impl Progress {
    /// Notes that a head is complete.
    pub fn note_request(&self) {
        self.enter(Phase::Body);
    }

    /// Notes that a component gets the request now.
    pub fn note_request_complete(&self) {
        self.enter(Phase::Answer);
    }

    /// Notes that the connection has the complete answer.
    pub fn note_answer(&self) {
        self.enter(Phase::Idle);
    }

    /// Since when `bank` has been waiting for the client, if it is.
    pub fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.phase != Phase::Answer).then_some(state.since)
    }

    /// Closes the connection.
    pub fn close(&self) {
        self.closed.notify_one();
    }

    /// Ready when the client has kept `bank` waiting for too long, or when the connection was closed to make room.
    /// Must be polled after the connection, in the same task: changes of state wake no other task.
    pub async fn wait_for_end(&self, limits: &ClientLimits) {
        let mut timer = Box::pin(sleep_until(after(Instant::now(), limits.keep_alive_timeout)));
        let mut closed = std::pin::pin!(self.closed.notified());
        poll_fn(|context| {
            if closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            loop {
                let deadline = self.state().deadline(limits);
                // The timer is not reset for every request. If it goes off too early, it is set to the remaining
                // time.
                if deadline.is_some_and(|deadline| deadline < timer.deadline()) {
                    timer.as_mut().reset(deadline.unwrap_or_else(Instant::now));
                }
                ready!(timer.as_mut().poll(context));
                let now = Instant::now();
                match deadline {
                    Some(deadline) if deadline <= now => return Poll::Ready(()),
                    Some(deadline) => timer.as_mut().reset(deadline),
                    None => timer.as_mut().reset(after(now, limits.keep_alive_timeout)),
                }
            }
        })
        .await;
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = phase;
        state.since = Instant::now();
    }

    fn note_received(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.since = Instant::now();
        }
    }

    fn note_sent(&self, bytes: usize) {
        if let Some((_, sent)) = &mut self.state().stalled {
            *sent = sent.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    fn note_stall(&self) {
        self.state().stalled.get_or_insert_with(|| (Instant::now(), 0));
    }

    fn note_all_sent(&self) {
        self.state().stalled = None;
    }

    /// Never held across an await, and nothing panics while it is.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deadline(&self, limits: &ClientLimits) -> Option<Instant> {
        if let Some((since, sent)) = self.stalled {
            let earned = Duration::from_secs(sent.checked_div(SLOWEST_BYTES_PER_SECOND).unwrap_or(0));
            return Some(after(since, limits.send_timeout.saturating_add(earned)));
        }
        match self.phase {
            Phase::Idle => Some(after(self.since, limits.keep_alive_timeout)),
            Phase::Head => Some(after(self.since, limits.head_timeout)),
            // The end of a body is awaited where it is read, since there is an answer to it.
            Phase::Body | Phase::Answer => None,
        }
    }
}

fn after(instant: Instant, time: Duration) -> Instant {
    instant.checked_add(time).unwrap_or(instant)
}

/// A socket that records its progress.
pub struct Watched {
    stream: TcpStream,
    progress: Arc<Progress>,
}

impl Watched {
    /// Notes the progress of `stream`.
    pub fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }

    fn note_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.progress.note_sent(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.progress.note_stall(),
        }
        written
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Drops output that nobody takes: the kernel would go on offering it for minutes.
        if self.progress.state().stalled.is_some() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.progress.note_received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when the kernel has taken all output.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress.note_all_sent();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
