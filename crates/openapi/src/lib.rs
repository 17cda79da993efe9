//! The published document, `/openapi.json`: OpenAPI 3.1, generated from the code when the docs component is built.
//!
//! Names and types of members come from the types that components answer with (`api::view`), limits from where they
//! are enforced (`api::limits`, `ledger`), problems from their catalogue, entries and hashes of the examples from
//! the ledger itself. Only what each route takes and returns is written by hand, in `routes/`, a file per
//! component. `make test-api` compares the document with the running bank, and `tests/tests/docs.rs` its routes
//! with `spin.toml`.

mod example;
mod header;
mod operation;
mod parameter;
mod routes;
mod security;

use utoipa::openapi::{Info, InfoBuilder, License, OpenApi, Paths, Server, Tag, tag::TagBuilder};

use crate::operation::DocumentParts;

pub use crate::security::{AuthMode, ISSUER};

/// The whole document of a bank with this setting of `auth`.
#[must_use]
pub fn document(auth: AuthMode) -> OpenApi {
    let mut shared = DocumentParts::of(auth);
    let mut paths = Paths::new();
    for operation in routes::all() {
        operation.add_to(&mut paths, &mut shared);
    }
    let mut document = OpenApi::new(info(auth), paths);
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(routes::TAGS.iter().map(|(name, description)| tag(name, description)).collect());
    document.components = Some(shared.into_components());
    document
}

/// The text before all routes: the common rules, and how to retry in three languages. `docs/retry.md` and
/// `/problems/storage-unavailable` show the same lines; `tests/browser/retry.test.js` runs them.
const DESCRIPTION: &str = concat!(
    include_str!("introduction.md"),
    "\n## How to retry\n\n```sh\n",
    include_str!("../../../docs/retry/curl.sh"),
    "```\n\n```js\n",
    include_str!("../../../docs/retry/javascript.mjs"),
    "```\n\n```python\n",
    include_str!("../../../docs/retry/python.py"),
    "```\n",
);

fn info(auth: AuthMode) -> Info {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    InfoBuilder::new()
        .title("Money Bank")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{}\n\n{DESCRIPTION}", auth.description())))
        .license(Some(license))
        .build()
}

fn tag(name: &str, description: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(description)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linters want this: an operation without `security` does not say whether it requires anything.
    #[test]
    fn every_operation_says_what_it_asks_for() {
        for (auth, open) in [(AuthMode::Header, 20), (AuthMode::Jwt, 12)] {
            let document = serde_json::to_value(document(auth)).unwrap();
            let paths = document["paths"].as_object().unwrap().values();
            let operations: Vec<_> = paths.flat_map(|item| item.as_object().unwrap().values()).collect();
            let asked: Vec<_> =
                operations.iter().map(|operation| operation["security"].as_array().unwrap()).collect();
            assert_eq!(asked.iter().filter(|security| security.is_empty()).count(), open, "{auth:?}");
            let schemes = document["components"]["securitySchemes"].as_object();
            for name in asked.iter().flat_map(|asked| *asked).flat_map(|one| one.as_object().unwrap().keys())
            {
                assert!(schemes.unwrap().contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn no_two_schemas_share_a_name() {
        let mut shared = DocumentParts::of(AuthMode::Jwt);
        let mut paths = Paths::new();
        for operation in routes::all() {
            operation.add_to(&mut paths, &mut shared);
        }
        assert_eq!(shared.ambiguous(), Vec::<String>::new());
    }
}
