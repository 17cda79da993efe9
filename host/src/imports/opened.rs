//! What an instance has opened of a key-value store: the host's side of its handles.

use crate::kv::KvStore;
use std::sync::Arc;

/// An open store.
pub type OpenStore = Arc<dyn KvStore>;

/// A compare-and-swap that has begun.
pub struct OpenSwap {
    pub store: OpenStore,
    pub key: String,
    pub current: Option<Vec<u8>>,
}
