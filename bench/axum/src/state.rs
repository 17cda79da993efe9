//! What all requests share.

use redis::Script;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The connection, the scripts and the locks.
#[derive(Clone)]
pub struct Bank {
    pub redis: MultiplexedConnection,
    pub swap: Arc<Script>,
    pub count_once: Arc<Script>,
    /// Requests do not fight for a wallet.
    pub locks: Arc<[Mutex<()>]>,
}
