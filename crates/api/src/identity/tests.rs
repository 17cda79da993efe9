//! Tokens, with a test's own `identity`. Each test has a thread of its own, and so an instance of its own.

use std::cell::{Cell, RefCell};

use futures::executor::block_on;

use super::*;

const BOTH: &str = "wallet:read wallet:write";
/// What is said to a token of somebody else's.
const OTHER: &str = "Bearer error=\"invalid_token\", error_description=\"The token is another user's than the one that a header names.\"";
const NOW: u64 = 1_800_000_000;
/// `auth`
const HEADER: bool = false;
const TOKEN: bool = true;

/// A status and header fields.
type Says = (u16, Vec<(&'static str, String)>);

/// Says the same to everybody, and keeps what it was asked.
struct Identity {
    says: RefCell<Option<Says>>,
    asked: Cell<usize>,
    told: RefCell<String>,
}

impl Identity {
    fn saying(status: u16, fields: &[(&'static str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { says: RefCell::new(Some((status, fields))), asked: Cell::new(0), told: RefCell::default() }
    }

    fn of(user: &str, scope: &str, seconds: u64) -> Self {
        let age = format!("max-age={seconds}");
        Self::saying(200, &[("user-id", user), ("scope", scope), ("cache-control", &age)])
    }

    fn refusing() -> Self {
        let challenge = "Bearer error=\"invalid_token\", error_description=\"The token has expired.\"";
        Self::saying(401, &[("www-authenticate", challenge)])
    }

    fn silent() -> Self {
        let identity = Self::saying(200, &[]);
        identity.says.take();
        identity
    }
}

impl Ask for Identity {
    async fn ask(&self, authorization: String, _: &str) -> Option<Reply> {
        self.asked.set(self.asked.get() + 1);
        self.told.replace(authorization);
        let (status, fields) = self.says.borrow().clone()?;
        let field = |(name, value): (&str, String)| (name.to_owned(), value.into_bytes());
        Some((status, Headers::new(fields.into_iter().map(field).collect())))
    }
}

fn request(headers: &[(&str, &str)]) -> Request {
    let mut request = http::Request::post("/v1/deposit");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Request::new(request.body(String::new()).unwrap())
}

fn with_token(token: &str) -> Request {
    request(&[("authorization", &format!("Bearer {token}"))])
}

fn asked(request: &Request, by_token: bool, now: u64, identity: &Identity) -> Result<User, Problem> {
    block_on(user(request, by_token, Scope::Write, now, identity))
}

/// The status, the code and the header `www-authenticate` of a problem.
fn shown(problem: Problem) -> (u16, &'static str, Option<String>) {
    let code = problem.code().as_str();
    let response = problem.into_answer("r").into_response("r");
    let challenge = response.headers().get("www-authenticate");
    (response.status().as_u16(), code, challenge.map(|value| value.to_str().unwrap().to_owned()))
}

#[test]
fn with_headers_nobody_is_asked_and_no_answer_speaks_of_tokens() {
    let identity = Identity::silent();
    let named = request(&[("user_id", "alice"), ("authorization", "Bearer t")]);
    assert_eq!(asked(&named, HEADER, NOW, &identity).unwrap().as_str(), "alice");
    let refused = asked(&with_token("t"), HEADER, NOW, &identity).unwrap_err();
    assert_eq!(shown(refused), (401, "missing-identity", None));
    let refused = asked(&request(&[("user_id", "a b")]), HEADER, NOW, &identity).unwrap_err();
    assert_eq!(shown(refused), (401, "invalid-identity", None));
    assert_eq!(identity.asked.get(), 0);
}

#[test]
fn with_tokens_the_user_is_the_tokens_and_a_header_alone_names_nobody() {
    let identity = Identity::of("alice", BOTH, 60);
    assert_eq!(asked(&with_token("t"), TOKEN, NOW, &identity).unwrap().as_str(), "alice");
    assert_eq!(*identity.told.borrow(), "Bearer t");
    let bare = Some("Bearer".to_owned());
    for headers in [&[][..], &[("user_id", "alice")], &[("authorization", "Basic YTpi")]] {
        let refused = asked(&request(headers), TOKEN, NOW, &identity).unwrap_err();
        assert_eq!(shown(refused), (401, "missing-identity", bare.clone()), "{headers:?}");
    }
}

#[test]
fn a_header_beside_the_token_names_the_same_user_or_is_refused() {
    let identity = Identity::of("alice", BOTH, 60);
    let both =
        |name: &'static str, user: &'static str| request(&[("authorization", "Bearer t"), (name, user)]);
    for name in ["user_id", "user-id", "x-user-id"] {
        assert!(asked(&both(name, "alice"), TOKEN, NOW, &identity).is_ok());
        for other in ["bob", "Alice"] {
            let refused = asked(&both(name, other), TOKEN, NOW, &identity).unwrap_err();
            let challenge = Some(OTHER.to_owned());
            assert_eq!(shown(refused), (401, "invalid-identity", challenge), "{name}: {other}");
        }
        for none in ["a b", ""] {
            let refused = asked(&both(name, none), TOKEN, NOW, &identity).unwrap_err();
            let (status, code, challenge) = shown(refused);
            assert_eq!(
                (status, code, challenge.is_some()),
                (401, "invalid-identity", true),
                "{name}: {none}"
            );
        }
    }
}

#[test]
fn also_where_any_token_will_do_a_header_may_name_no_other_user() {
    let identity = Identity::of("alice", "", 60);
    for (named, is_good) in [("alice", true), ("bob", false), ("a b", false)] {
        let both = request(&[("authorization", "Bearer t"), ("user_id", named)]);
        let found = block_on(user_of_token(&both, NOW, &identity));
        assert_eq!(found.is_ok(), is_good, "{named}");
        let code = found.map_err(|problem| problem.code().as_str());
        assert!(is_good || code == Err("invalid-identity"), "{named}");
    }
}

#[test]
fn two_authorizations_or_an_empty_one_are_no_token() {
    let identity = Identity::of("alice", BOTH, 60);
    let twice = [("authorization", "Bearer t"), ("authorization", "Bearer t")];
    for headers in [&twice[..], &[("authorization", "Bearer")], &[("authorization", "Bearer  ")]] {
        let refused = asked(&request(headers), TOKEN, NOW, &identity).unwrap_err();
        assert_eq!(shown(refused).1, "invalid-identity", "{headers:?}");
    }
    assert_eq!(identity.asked.get(), 0);
}

#[test]
fn a_scope_that_is_not_allowed_is_403_and_says_which() {
    for (scope, may_read, may_write) in [
        ("", false, false),
        ("wallet:read", true, false),
        ("wallet:write", false, true),
        (BOTH, true, true),
        ("wallet:reads xwallet:write", false, false),
    ] {
        TOKENS.with(RecentCache::clear);
        let identity = Identity::of("alice", scope, 60);
        for (scope, may) in [(Scope::Read, may_read), (Scope::Write, may_write)] {
            match block_on(user(&with_token("t"), TOKEN, scope, NOW, &identity)) {
                Ok(_) => assert!(may, "{scope:?}"),
                Err(refused) => {
                    let challenge =
                        format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", scope.as_str());
                    let expected = (403, "insufficient-scope", Some(challenge));
                    assert_eq!((shown(refused), may), (expected, false));
                }
            }
        }
        assert_eq!(identity.asked.get(), 1);
    }
}

#[test]
fn a_token_is_remembered_for_as_long_as_identity_says_and_no_longer() {
    for seconds in [0, 1, 60] {
        TOKENS.with(RecentCache::clear);
        let identity = Identity::of("alice", BOTH, seconds);
        for now in NOW..NOW + seconds {
            assert!(asked(&with_token("t"), TOKEN, now, &identity).is_ok());
        }
        assert_eq!(identity.asked.get(), usize::from(seconds > 0));
        identity.says.replace(Identity::refusing().says.take());
        let refused = asked(&with_token("t"), TOKEN, NOW + seconds, &identity).unwrap_err();
        assert_eq!(shown(refused).1, "invalid-identity");
    }
}

#[test]
fn what_a_clock_that_was_ahead_remembered_counts_for_nothing() {
    let identity = Identity::of("alice", BOTH, 60);
    assert!(asked(&with_token("t"), TOKEN, NOW + 80_000, &identity).is_ok());
    assert!(asked(&with_token("t"), TOKEN, NOW, &identity).is_ok());
    assert_eq!(identity.asked.get(), 2);
}

#[test]
fn another_token_is_another_question_and_what_was_refused_is_not_remembered() {
    let identity = Identity::of("alice", BOTH, 60);
    for token in ["t", "T", "t.t"] {
        assert!(asked(&with_token(token), TOKEN, NOW, &identity).is_ok());
    }
    assert_eq!(identity.asked.get(), 3);
    identity.says.replace(Identity::refusing().says.take());
    for _ in 0..2 {
        assert!(asked(&with_token("forged"), TOKEN, NOW, &identity).is_err());
    }
    assert_eq!(identity.asked.get(), 5);
}

#[test]
fn the_tokens_of_64_users_in_turn_are_all_remembered_each_as_its_own_users() {
    let asked_at_all: usize = (0..64)
        .chain(0..64)
        .map(|number| {
            let identity = Identity::of(&format!("u{number}"), BOTH, 60);
            let found = asked(&with_token(&format!("t{number}")), TOKEN, NOW, &identity);
            assert_eq!(found.unwrap().as_str(), format!("u{number}"));
            identity.asked.get()
        })
        .sum();
    assert_eq!(asked_at_all, 64);
}

#[test]
fn however_many_tokens_there_are_each_is_its_own_users() {
    let identity = |number: usize| Identity::of(&format!("u{number}"), BOTH, 60);
    // More than are remembered.
    for number in (0..2_048).chain(0..2_048) {
        let found = asked(&with_token(&format!("t{number}")), TOKEN, NOW, &identity(number));
        assert_eq!(found.unwrap().as_str(), format!("u{number}"));
    }
}

#[test]
fn where_nobody_says_whose_a_token_is_nothing_is_done() {
    let age = ("cache-control", "max-age=60");
    for identity in [
        Identity::silent(),
        Identity::saying(500, &[]),
        Identity::saying(404, &[]),
        Identity::saying(503, &[]),
        Identity::saying(401, &[]),
        Identity::saying(200, &[]),
        Identity::saying(200, &[("user-id", "a b"), ("scope", BOTH), age]),
        Identity::saying(200, &[("user-id", "alice"), age]),
        Identity::saying(200, &[("user-id", "alice"), ("scope", BOTH)]),
        Identity::saying(200, &[("user-id", "alice"), ("scope", BOTH), ("cache-control", "no-store")]),
    ] {
        let refused = asked(&with_token("t"), TOKEN, NOW, &identity).unwrap_err();
        let response = refused.clone().into_answer("r").into_response("r");
        assert!(response.headers().contains_key("retry-after"));
        assert!(String::from_utf8_lossy(response.body()).contains(r#""outcome":"none""#));
        assert_eq!(shown(refused), (503, "storage-unavailable", None));
    }
}

#[test]
fn why_a_token_is_refused_is_passed_on_and_no_token_is() {
    let refused = asked(&with_token("eyJhbGciOi"), TOKEN, NOW, &Identity::refusing()).unwrap_err();
    let response = refused.clone().into_answer("r").into_response("r");
    let body = String::from_utf8_lossy(response.body()).into_owned();
    assert!(body.contains("The token has expired.") && !body.contains("eyJ"), "{body}");
    let challenge = "Bearer error=\"invalid_token\", error_description=\"The token has expired.\"";
    assert_eq!(shown(refused), (401, "invalid-identity", Some(challenge.to_owned())));
}
