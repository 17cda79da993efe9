//! What is asked of the component `identity`.

use crate::headers::Headers;

/// The answer of `identity`: its status and header fields.
pub(super) type Reply = (u16, Headers);

/// Asks `identity` which user a value of the header `authorization` stands for.
pub(super) trait Ask {
    /// `None` if there is no answer in time.
    async fn ask(&self, authorization: String, request_id: &str) -> Option<Reply>;
}
