//! `spin.toml` and `runtime-config/`: every route is wired, every component has only what it needs.
//!
//! Scenario: somebody edits the manifest. Mechanism: the files are parsed and compared with the contract
//! and with `components/`. Needs: nothing that runs.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Route of the contract, component that serves it.
const ROUTES: &[(&str, &str)] = &[
    ("/v1/bitcoins", "counter"),
    ("/v1/counters/:name", "counter"),
    ("/v1/deposit", "deposit"),
    ("/deposit", "deposit"),
    ("/v1/withdraw", "withdraw"),
    ("/withdraw", "withdraw"),
    ("/v1/wallet", "wallet"),
    ("/v1/wallet/entries", "wallet"),
    ("/v1/rates", "rates"),
    ("/v1/rates/history", "rates"),
    ("/v1/rates/:code", "rates"),
    ("/v1/convert", "rates"),
    ("/healthz", "health"),
    ("/readyz", "health"),
    ("/docs/...", "docs"),
    ("/openapi.json", "docs"),
    ("/...", "web"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn parsed(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|problem| panic!("{path:?}: {problem}"));
    text.parse().unwrap_or_else(|problem| panic!("{path:?}: {problem}"))
}

fn manifest() -> Table {
    parsed(&root().join("spin.toml"))
}

fn components() -> BTreeMap<String, Table> {
    let components = manifest()["component"].as_table().unwrap().clone();
    components.into_iter().map(|(name, table)| (name, table.as_table().unwrap().clone())).collect()
}

fn texts(component: &Table, field: &str) -> Vec<String> {
    let list = component.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_route_of_the_contract_leads_to_its_component() {
    let manifest = manifest();
    let triggers = manifest["trigger"]["http"].as_array().unwrap();
    let wired: BTreeSet<(&str, &str)> = triggers
        .iter()
        .filter_map(|trigger| Some((trigger["route"].as_str()?, trigger["component"].as_str().unwrap())))
        .collect();
    assert_eq!(wired, ROUTES.iter().copied().collect());
    let private: Vec<_> = triggers.iter().filter(|trigger| trigger["route"].is_table()).collect();
    assert_eq!(wired.len() + private.len(), triggers.len(), "a route is there twice");
    let [only] = private.as_slice() else { panic!("{private:?}") };
    assert_eq!(
        (only["component"].as_str(), only["route"]["private"].as_bool()),
        (Some("identity"), Some(true))
    );
}

/// The package that a component is built of.
fn package(component: &str) -> &str {
    match component {
        "deposit" | "withdraw" => "operation",
        own => own,
    }
}

#[test]
fn every_component_of_the_tree_is_in_the_manifest_and_the_other_way_round() {
    let folders = std::fs::read_dir(root().join("components")).unwrap();
    let folders = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        components().keys().map(|name| package(name).to_owned()).collect::<BTreeSet<_>>(),
        folders.collect()
    );
}

#[test]
fn every_component_is_built_where_it_is_looked_for() {
    for (name, component) in components() {
        let (package, source) = (package(&name), component["source"].as_str().unwrap());
        assert_eq!(source, format!("target/wasm32-wasip2/release/{package}.wasm"));
        let command = component["build"]["command"].as_str().unwrap();
        assert!(
            command.contains("--target wasm32-wasip2") && command.ends_with(&format!("--package {package}"))
        );
    }
}

#[test]
fn who_has_a_store_may_talk_to_redis_who_needs_a_user_to_identity_and_only_rates_and_identity_to_their_upstreams()
 {
    for (name, component) in components() {
        let upstream: &[&str] = match name.as_str() {
            "rates" => &["{{ coingecko_origin }}"],
            // Where an issuer keeps its keys is for the issuer to say.
            "identity" => &["https://*:*", "http://*:*"],
            "counter" | "deposit" | "wallet" | "withdraw" => &["http://identity.spin.internal"],
            _ => &[],
        };
        let has_store = !texts(&component, "key_value_stores").is_empty();
        let redis: &[&str] = if has_store { &["redis://*:*", "rediss://*:*"] } else { &[] };
        let expected = [upstream, redis].concat();
        assert_eq!(texts(&component, "allowed_outbound_hosts"), expected, "{name}");
    }
}

#[test]
fn only_what_shows_pages_has_no_store_and_nobody_has_another_than_the_default() {
    for (name, component) in components() {
        let expected: &[&str] = if ["docs", "web"].contains(&name.as_str()) { &[] } else { &["default"] };
        assert_eq!(texts(&component, "key_value_stores"), expected, "{name}");
    }
}

#[test]
fn no_component_has_files_databases_models_or_an_environment() {
    let known = ["source", "key_value_stores", "variables", "allowed_outbound_hosts", "build", "description"];
    for (name, component) in components() {
        let others: Vec<_> = component.keys().filter(|key| !known.contains(&key.as_str())).collect();
        assert!(others.is_empty(), "{name} has {others:?}");
    }
}

#[test]
fn only_rates_sees_the_settings_of_rates() {
    for (name, component) in components() {
        let variables = component.get("variables").and_then(Value::as_table).cloned().unwrap_or_default();
        let of_rates =
            variables.keys().any(|variable| variable.starts_with("rates_") || variable.starts_with("coin"));
        assert_eq!(of_rates, name == "rates", "{name}");
    }
}

#[test]
fn only_identity_sees_what_tokens_are_judged_by() {
    for (name, component) in components() {
        let variables = component.get("variables").and_then(Value::as_table).cloned().unwrap_or_default();
        let names = |begin: &str| -> Vec<&str> {
            variables.keys().map(String::as_str).filter(|name| name.starts_with(begin)).collect()
        };
        // Pages are told with whom to sign in, and no secret.
        let expected: &[&str] = match name.as_str() {
            "identity" => {
                &["jwt_issuer", "jwt_audience", "jwt_jwks_url", "jwt_secret", "jwt_user_claim", "jwt_scopes"]
            }
            "docs" | "web" => &["jwt_issuer", "jwt_audience", "jwt_scopes"],
            _ => &[],
        };
        assert_eq!(names("jwt_"), expected, "{name}");
        let asks = !["health", "rates"].contains(&name.as_str());
        assert_eq!(names("auth").len(), usize::from(asks), "{name}");
    }
}

#[test]
fn every_component_knows_whose_pages_may_call_and_what_the_log_is_to_show() {
    for (name, component) in components() {
        for setting in ["cors_origins", "log_level"] {
            let template = component["variables"][setting].as_str().unwrap();
            assert_eq!(template, format!("{{{{ {setting} }}}}"), "{name}");
        }
    }
}

#[test]
fn every_setting_is_used_and_every_setting_used_is_there() {
    let manifest = manifest();
    let settings: BTreeSet<&str> =
        manifest["variables"].as_table().unwrap().keys().map(String::as_str).collect();
    let text = serde_json::to_string(&manifest["component"]).unwrap();
    let used = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim);
    assert_eq!(settings, used.collect());
}

#[test]
fn what_is_secret_says_so() {
    let manifest = manifest();
    for (name, setting) in manifest["variables"].as_table().unwrap() {
        let secret = setting.get("secret").and_then(Value::as_bool).unwrap_or_default();
        assert_eq!(secret, ["_key", "_secret", "redis_url"].iter().any(|end| name.ends_with(end)), "{name}");
    }
}

#[test]
fn every_runtime_configuration_says_what_the_default_store_is() {
    let files = std::fs::read_dir(root().join("runtime-config")).unwrap();
    let mut kinds = BTreeMap::new();
    for file in files {
        let path = file.unwrap().path();
        let config = parsed(&path);
        assert_eq!(config.keys().collect::<Vec<_>>(), ["key_value_store"], "{path:?}");
        let store = config["key_value_store"]["default"].as_table().unwrap();
        let field = if store["type"].as_str() == Some("redis") { "url" } else { "path" };
        assert!(store[field].is_str(), "{path:?} has no {field}");
        kinds.insert(path.file_name().unwrap().to_owned(), store["type"].as_str().unwrap().to_owned());
    }
    let kinds: Vec<&str> = kinds.values().map(String::as_str).collect();
    assert_eq!(kinds, ["redis", "spin"], "redis.toml and sqlite.toml");
}
