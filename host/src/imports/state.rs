//! The state of an instance that its imports use.

use super::key_value::KeyValueView;
use super::redis::RedisView;
use super::variables::Variables;
use crate::telemetry::CallTracing;
use std::sync::Arc;

/// What an instance needs for its imports.
pub trait Imports: Send + 'static {
    /// For `spin:key-value` and `wasi:keyvalue`.
    fn key_value(&mut self) -> KeyValueView<'_>;
    /// For `spin:redis`.
    fn redis(&mut self) -> RedisView<'_>;
    /// For `spin:variables`.
    fn variables(&mut self) -> &mut Arc<Variables>;
    /// The requests that it works on.
    fn call_tracing(&self) -> &CallTracing;
    /// Counts a timer.
    fn count_timer(&mut self);
}
