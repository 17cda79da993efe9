//! The API explains itself: the published document, and the page that shows it.
//!
//! Scenario: somebody adds a route or a problem and forgets to say so; the page wants something from
//! elsewhere. Mechanism: the document is compared with `spin.toml` and the contract's table, the page and
//! what it loads are read. That answers are as documented, and the document is valid, is proven by
//! `make test-api`. Needs: `BANK_URL`, `spin.toml`.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tests::{Answer, Bank, problem};

/// What `/docs` loads.
const LOADED: [&str; 8] = [
    "/docs/swagger-ui.js",
    "/docs/swagger-ui.css",
    "/docs/start.js",
    "/docs/settings.js",
    "/docs/page.css",
    "/docs/oauth2-redirect.html",
    "/docs/oauth2-redirect.js",
    "/openapi.json",
];

async fn document() -> Value {
    Bank::from_env().get("/openapi.json").await.is(200).json()
}

/// The operations: path, method, what the document says.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap().iter();
            item.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

#[tokio::test]
async fn the_document_is_openapi_3_1() {
    assert!(document().await["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[tokio::test]
async fn its_version_is_that_of_cargo_toml() {
    assert_eq!(document().await["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn every_route_of_the_manifest_is_in_the_document_and_the_other_way_round() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    let routes = manifest["trigger"]["http"].as_array().unwrap().iter();
    // A private route has no path.
    let routes = routes.filter_map(|trigger| trigger["route"].as_str());
    // A wildcard stands for pages.
    let mut expected: BTreeSet<String> = routes
        .map(|route| {
            route.trim_end_matches("/...").split('/').map(as_documented).collect::<Vec<_>>().join("/")
        })
        .filter(|path| !path.is_empty())
        .collect();
    expected.extend(["/".to_owned(), "/problems/{code}".to_owned()]);
    let document = document().await;
    let documented = operations(&document).into_iter().map(|(path, ..)| path.to_owned()).collect();
    assert_eq!(expected, documented);
}

/// `:name` is `{name}` in OpenAPI.
fn as_documented(segment: &str) -> String {
    segment.strip_prefix(':').map_or_else(|| segment.to_owned(), |name| format!("{{{name}}}"))
}

#[tokio::test]
async fn every_operation_says_what_it_is_under_a_name_of_its_own() {
    let document = document().await;
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        for member in ["operationId", "summary", "description"] {
            assert!(
                operation[member].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path}: {member}"
            );
        }
        assert!(
            names.insert(operation["operationId"].as_str().unwrap()),
            "{method} {path}: its name is another's"
        );
    }
}

#[tokio::test]
async fn every_operation_says_what_it_asks_for() {
    let document = document().await;
    for (path, method, operation) in operations(&document) {
        let asked = operation["security"].as_array();
        assert!(asked.is_some(), "{method} {path} leaves open whether it asks for anything");
        for scheme in asked.unwrap().iter().flat_map(|one| one.as_object().unwrap().keys()) {
            assert!(
                document["components"]["securitySchemes"][scheme].is_object(),
                "{method} {path}: {scheme}"
            );
        }
    }
}

#[tokio::test]
async fn every_method_of_the_document_is_served_and_no_other_is() {
    let (bank, document) = (Bank::from_env(), document().await);
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut documented: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        if documented.contains("GET") {
            documented.insert("HEAD".to_owned());
        }
        let answer = bank.request("PATCH", path.replace("{code}", "not-found").replace("{name}", "a")).await;
        answer.problem(405, "method-not-allowed");
        let allowed = answer.header("allow").unwrap().split(", ").map(str::to_owned).collect();
        assert_eq!(documented, allowed, "{path}");
    }
}

#[tokio::test]
async fn every_problem_is_in_the_document_with_an_example() {
    let document = document().await;
    for &(status, code) in problem::TABLE {
        let responses = document["components"]["responses"].as_object().unwrap();
        let mut examples = responses
            .iter()
            .filter(|(name, _)| name.split('.').any(|one| one == code))
            .map(|(_, response)| &response["content"]["application/problem+json"]["examples"][code]["value"])
            .peekable();
        assert!(examples.peek().is_some(), "{code} is nowhere");
        for example in examples {
            assert_eq!((&example["code"], &example["status"]), (&code.into(), &status.into()), "{code}");
        }
        let reference = |name: &str| format!("#/components/responses/{name}");
        let used = responses.keys().filter(|name| name.split('.').any(|one| one == code)).any(|name| {
            operations(&document).iter().any(|(_, _, operation)| {
                operation["responses"][status.to_string()]["$ref"].as_str() == Some(&reference(name))
            })
        });
        assert!(used, "no operation says {code} under {status}");
    }
}

#[tokio::test]
async fn every_answer_of_the_document_carries_the_common_headers() {
    let document = document().await;
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let reference = response["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
            let response = reference.map_or(response, |place| document.pointer(place).unwrap());
            for name in ["content-length", "x-request-id", "x-content-type-options", "cache-control"] {
                assert!(response["headers"][name].is_object(), "{method} {path}, {status}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn the_page_and_what_it_loads_come_from_the_bank_alone() {
    let bank = Bank::from_env();
    let page = bank.get("/docs").await.is(200);
    assert!(page.text().to_lowercase().starts_with("<!doctype html>"), "{page}");
    for loaded in LOADED {
        bank.get(loaded).await.is(200);
    }
    for ours in ["/docs", "/docs/start.js", "/docs/page.css"] {
        let text = bank.get(ours).await;
        assert!(!text.text().contains("://"), "{ours} points elsewhere");
    }
    let style = bank.get("/docs/swagger-ui.css").await;
    let elsewhere = style
        .text()
        .split("url(")
        .skip(1)
        .find(|url| !url.trim_start_matches(['"', '\'']).starts_with("data:"));
    assert_eq!(elsewhere, None);
    assert!(!style.text().contains("@import"));
}

#[tokio::test]
async fn the_page_runs_no_script_and_no_style_but_its_files() {
    let bank = Bank::from_env();
    let page = bank.get("/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let asked = bank.may_be_asked().await;
    assert!(policy.split("; ").any(|rule| rule == asked), "{policy}");
    let rest = policy.replace(&asked, "");
    assert!(!rest.contains("unsafe") && !rest.contains("http"), "{policy}");
    assert!(!page.text().contains("<style") && !page.text().contains("style="), "{page}");
    assert!(!page.text().contains("<script>"), "{page}");
}

#[tokio::test]
async fn every_file_says_what_it_is() {
    let bank = Bank::from_env();
    for (path, media_type) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/swagger-ui.js", "text/javascript; charset=utf-8"),
        ("/docs/settings.js", "text/javascript; charset=utf-8"),
        ("/docs/oauth2-redirect.html", "text/html; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/openapi.json", "application/json"),
    ] {
        assert_eq!(bank.get(path).await.is(200).header("content-type"), Some(media_type), "{path}");
    }
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let bank = Bank::from_env();
    for path in LOADED.into_iter().chain(["/docs"]) {
        let first = bank.get(path).await.is(200);
        let tag = first.header("etag").unwrap();
        let again = bank.get(path).header("if-none-match", tag).await.is(304);
        assert_eq!((again.header("etag"), again.body.len()), (Some(tag), 0), "{path}");
        bank.get(path).header("if-none-match", "\"another\"").await.is(200);
    }
}

#[tokio::test]
async fn who_takes_gzip_is_sent_gzip_and_nobody_else() {
    let bank = Bank::from_env();
    for path in LOADED {
        let plain = bank.get(path).await.is(200);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        // What is made of the settings is not kept packed.
        if path == "/docs/settings.js" || path == "/openapi.json" && plain.text().contains("openIdConnectUrl")
        {
            continue;
        }
        for refused in ["br", "gzip;q=0", "identity"] {
            assert_eq!(bank.get(path).header("accept-encoding", refused).await.body, plain.body, "{path}");
        }
        for accepted in ["gzip", "br, gzip;q=0.5", "deflate, GZIP"] {
            let packed = bank.get(path).header("accept-encoding", accepted).await.is(200);
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}: {accepted}");
            assert_eq!(unpacked_length(&packed), plain.body.len(), "{path}");
            // Where pages of other origins may call, on `origin` too.
            let vary = packed.header("vary").unwrap_or_default();
            assert!(vary.split(", ").any(|word| word == "accept-encoding"), "{path}: {vary}");
            assert_ne!(packed.header("etag"), plain.header("etag"), "{path}");
        }
    }
}

/// What the end of a gzip file says (RFC 1952).
fn unpacked_length(answer: &Answer) -> usize {
    assert!(answer.body.starts_with(&[0x1f, 0x8b]), "no gzip: {:?}", answer.asked);
    u32::from_le_bytes(*answer.body.last_chunk().unwrap()) as usize
}

#[tokio::test]
async fn head_tells_what_get_would_send() {
    let bank = Bank::from_env();
    for path in ["/docs", "/openapi.json"] {
        let (get, head) = (bank.get(path).await, bank.head(path).await.is(200));
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(get.header(name), head.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn nothing_else_is_there() {
    let bank = Bank::from_env();
    for path in ["/docs/nothing", "/docs/start.js/x", "/docs/../docs", "/openapi.json/", "/openapi.yaml"] {
        bank.get(path).await.problem(404, "not-found");
    }
}
