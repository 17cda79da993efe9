//! Asks the component `identity`, by service chaining.

use std::pin::pin;
use std::time::Duration;

use eventlog::Level;
use futures::future::{Either, select};
use spin_sdk::time::sleep;

use super::ask::{Ask, Reply};
use crate::headers::Headers;

/// How long it may take: it may have to ask the issuer of a token for its keys.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Component;

impl Ask for Component {
    async fn ask(&self, authorization: String, request_id: &str) -> Option<Reply> {
        let fields = [
            ("authorization".to_owned(), authorization.into_bytes()),
            ("x-request-id".to_owned(), request_id.as_bytes().to_vec()),
        ];
        let asked = outbound::head("identity.spin.internal", &fields);
        if let Either::Left((Ok((status, fields)), _)) = select(pin!(asked), pin!(sleep(TIMEOUT))).await {
            return Some((status, Headers::new(fields)));
        }
        let members = [("cause", "no answer from identity.spin.internal".into())];
        eventlog::event(Level::Error, "identity-not-asked", members);
        None
    }
}
