//! The published document, `/openapi.json`: OpenAPI 3.1, made from the code when the docs component is built.
//!
//! Names and types of members come from the types that the components answer with (`api::view`), limits
//! from where they are kept (`api::limits`, `ledger`), problems from their catalogue, entries and hashes of
//! the examples from the ledger itself. Only what a route takes and gives is written down here, in
//! `routes/`, a file per component. What the document says is held against the running bank by
//! `make test-api`, and its routes against `spin.toml` by `tests/tests/docs.rs`.

mod example;
mod header;
mod operation;
mod parameter;
mod routes;

use utoipa::openapi::{Info, InfoBuilder, License, OpenApi, Paths, Server, Tag, tag::TagBuilder};

use crate::operation::Shared;

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    let mut shared = Shared::default();
    let mut paths = Paths::new();
    for operation in routes::all() {
        operation.add_to(&mut paths, &mut shared);
    }
    let mut document = OpenApi::new(info(), paths);
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(routes::TAGS.iter().map(|(name, says)| tag(name, says)).collect());
    document.components = Some(shared.into_components());
    document
}

/// What stands before all routes: the common rules, and how to retry in three languages. The README and
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

fn info() -> Info {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    InfoBuilder::new()
        .title("Money Bank")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license))
        .build()
}

fn tag(name: &str, says: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(says)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_schemas_share_a_name() {
        let mut shared = Shared::default();
        let mut paths = Paths::new();
        for operation in routes::all() {
            operation.add_to(&mut paths, &mut shared);
        }
        assert_eq!(shared.ambiguous(), Vec::<String>::new());
    }
}
