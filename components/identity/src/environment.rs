//! What surrounds the component: the clock, HTTP, and the store of the keys. Tests replace them with an issuer of their
//! own.

use std::time::Duration;

use outbound::Error;
use store::Store;
use upstream::moment;

/// The largest document of an issuer.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The response at an address.
#[derive(Debug, Clone, Default)]
pub struct FetchedDocument {
    /// The status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The body, at most [`BODY_LIMIT`].
    pub body: Vec<u8>,
}

/// The clock, HTTP, and tasks that no request waits for.
pub trait Environment: Clone + 'static {
    /// Now, in milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// Lets some time pass.
    async fn pause(&self, time: Duration);
    /// Runs a task that no request waits for.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
    /// Gets a document. Redirects are not followed.
    async fn get(&self, url: &str) -> Result<FetchedDocument, &'static str>;
}

/// The store of the keys. It is opened for each step, because an issuer may take longer than a request may wait for
/// storage.
pub trait OpensStore: Clone + 'static {
    /// The type of the store.
    type Store: Store;
    /// The store, whose deadline begins now.
    async fn open(&self) -> Self::Store;
}

/// The host that runs the component.
#[derive(Clone)]
pub struct ComponentHost;

impl OpensStore for ComponentHost {
    type Store = store::spin::OpenStore;

    async fn open(&self) -> Self::Store {
        store::spin::open().await
    }
}

impl Environment for ComponentHost {
    fn now_ms(&self) -> u64 {
        moment::now_ms()
    }

    async fn pause(&self, time: Duration) {
        spin_sdk::time::sleep(time).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spin_sdk::wasip3::spawn(task);
    }

    async fn get(&self, url: &str) -> Result<FetchedDocument, &'static str> {
        let begin = url.find("://").map_or(0, |at| at.saturating_add(3));
        let end =
            url.get(begin..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| at.saturating_add(begin));
        let (origin, path) = url.split_at_checked(end).unwrap_or((url, ""));
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let fields = [
            field("accept", "application/json"),
            field("user-agent", concat!("money-bank/", env!("CARGO_PKG_VERSION"))),
        ];
        let answered =
            outbound::get(origin, if path.is_empty() { "/" } else { path }, &fields, BODY_LIMIT).await;
        let answered = answered.map_err(|broken| match broken {
            Error::TooLarge => "the answer is over 64 KiB",
            other => other.as_str(),
        })?;
        let location = answered.field("location").map(str::to_owned);
        Ok(FetchedDocument { status: answered.status, location, body: answered.body })
    }
}
