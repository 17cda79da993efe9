//! The bank as a client sees it: one or several base URLs of one bank.

use crate::answer::Answer;
use crate::endpoints::Endpoints;
use crate::paint;
use crate::request::Request;
use crate::token::Mint;
use http::Method;
use serde::Deserialize;

pub struct Bank(Endpoints);

/// What a deposit or withdrawal answers.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Receipt {
    pub user: String,
    pub balance: String,
    pub entry: Entry,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Entry {
    pub seq: u64,
    pub id: String,
    pub kind: String,
    pub amount: String,
    pub balance: String,
    pub at: String,
    pub hash: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Wallet {
    pub user: String,
    pub balance: String,
    pub seq: u64,
    pub hash: String,
}

impl Bank {
    /// The origins that a page of the bank may call, by its `content-security-policy`: the bank's own and, if users
    /// sign in, their issuer's.
    pub async fn may_be_asked(&self) -> String {
        let module = self.get("/settings.js").await.is(200);
        let settings = module.text().trim_start_matches("export default ").trim_end_matches(";\n");
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        let issuer = settings["issuer"].as_str().filter(|_| settings["client"] != "");
        let origin = issuer.map(|issuer| issuer.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"));
        format!("connect-src 'self' {}", origin.unwrap_or_default()).trim_end().to_owned()
    }

    /// The bank at `BANK_URL`; without that variable there is nothing to test, which is a failure.
    pub fn from_env() -> Self {
        let urls = std::env::var("BANK_URL").unwrap_or_default();
        let urls: Vec<String> = urls.split(',').map(str::trim).map(str::to_owned).collect();
        let missing = "BANK_URL is not set. Start a bank (`make up`), then: \
                       BANK_URL=http://127.0.0.1:3000 cargo test --profile native -p tests";
        assert!(urls.iter().all(|url| url.starts_with("http://")), "{}", paint::red(missing));
        Self::at(urls).with_tokens(Mint::from_env())
    }

    /// The same bank, called with tokens.
    pub fn with_tokens(mut self, mint: Option<Mint>) -> Self {
        self.0.mint = mint;
        self
    }

    pub fn at(urls: Vec<String>) -> Self {
        Self(Endpoints::at(urls))
    }

    /// Where it is.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.0
    }

    /// The next of the base URLs, in turn.
    pub fn next_url(&self) -> &str {
        self.0.next_url()
    }

    pub fn request(&self, method: &str, path: impl Into<String>) -> Request<'_> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Request::new(&self.0, method, path)
    }

    pub fn get(&self, path: impl Into<String>) -> Request<'_> {
        Request::new(&self.0, Method::GET, path)
    }

    pub fn head(&self, path: impl Into<String>) -> Request<'_> {
        Request::new(&self.0, Method::HEAD, path)
    }

    pub fn post(&self, path: impl Into<String>) -> Request<'_> {
        Request::new(&self.0, Method::POST, path)
    }

    /// A deposit that must succeed.
    pub async fn deposit(&self, user: &str, amount: &str) -> Receipt {
        self.post("/v1/deposit").user(user).amount(amount).await.is(200).json()
    }

    /// A withdrawal that must succeed.
    pub async fn withdraw(&self, user: &str, amount: &str) -> Receipt {
        self.try_withdraw(user, amount).await.is(200).json()
    }

    /// A withdrawal that may be refused.
    pub async fn try_withdraw(&self, user: &str, amount: &str) -> Answer {
        self.post("/v1/withdraw").user(user).amount(amount).await
    }

    pub async fn wallet(&self, user: &str) -> Wallet {
        self.get("/v1/wallet").user(user).await.is(200).json()
    }

    pub async fn balance(&self, user: &str) -> String {
        self.wallet(user).await.balance
    }
}
