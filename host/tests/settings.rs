//! Settings: a value that is not allowed stops `bank`, which says what is allowed; and every character of a value
//! arrives, whichever way it is set.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{Bank, bank, bank_with, manifest, refused, serving};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// All that means something to a shell, to make, to sed, to TOML, to JSON, or in an address.
const ODD: &str = "a&b#c@d%40e'f\"g\\h i$j$$k$(l)`m`{{n}}=o;p*q?r!s/t\\n~";

/// Settings with rules, which the guest can be asked for.
fn with_rules() -> String {
    let tool = "[application.tool.bank.variables]\n\
                store = { one_of = [\"kv\", \"redis\"] }\n\
                ttl = { integer = { from = 1, to = 60 } }\n\
                redis_url = { url = [\"redis\", \"rediss\"] }\n\
                [variables]\n\
                store = { default = \"kv\" }\n\
                ttl = { default = \"5\" }\n\
                redis_url = { default = \"redis://localhost\", secret = true }\n";
    let granted =
        "variables = { store = \"{{ store }}\", redis_url = \"{{ redis_url }}\", word = \"{{ word }}\" }";
    manifest(granted).replace("[variables]\n", tool)
}

fn value(bank: &Bank, name: &str) -> String {
    bank.get(&format!("/variable?name={name}"))
}

#[test]
fn values_that_are_not_allowed_are_all_named_with_what_is_and_secrets_are_not_shown() {
    let flags = ["store=mongo", "ttl=-1", "redis_url=http://:hunter2@h"];
    let flags: Vec<&str> = flags.iter().flat_map(|flag| ["--variable", *flag]).collect();
    let error = refused(&with_rules(), &flags);
    for line in [
        "the setting `store` is `mongo`: allowed are kv, redis",
        "the setting `ttl` is `-1`: allowed is an integer from 1 to 60",
        "the setting `redis_url` has a bad value: allowed is an address redis://… or rediss://…",
    ] {
        assert!(error.contains(line), "{line} is not in {error}");
    }
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn an_address_with_a_password_is_not_shown_where_none_may_be() {
    let manifest =
        with_rules().replace("ttl = { integer = { from = 1, to = 60 } }", "ttl = { origin = [\"https\"] }");
    let error = refused(&manifest, &["--variable", "ttl=https://user:hunter2@h"]);
    assert!(error.contains("the setting `ttl` has a bad value: allowed is https://host[:port]"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn settings_that_do_not_go_together_are_named_and_their_values_are_not_shown() {
    let rules = "[application.tool.bank.variables]\n\
                 auth = { one_of = [\"header\", \"jwt\"] }\n\
                 issuer = { url = [\"https\"], or_empty = true, needed_with = { auth = \"jwt\" } }\n\
                 secret = { secret = { at_least = 8 }, or_empty = true, not_with = \"keys\" }\n\
                 [variables]\n\
                 auth = { default = \"header\" }\n\
                 issuer = { default = \"\" }\n\
                 keys = { default = \"\" }\n\
                 secret = { default = \"\", secret = true }\n";
    let manifest = manifest("").replace("[variables]\n", rules);
    let flags = |given: &[&'static str]| -> Vec<&'static str> {
        given.iter().flat_map(|flag| ["--variable", *flag]).collect()
    };
    for (given, said) in [
        (&["auth=jwt"][..], "the setting `issuer` is empty, and is needed with `auth` = `jwt`"),
        (&["auth=jwt\n", "issuer= \n"], "the setting `issuer` is empty, and is needed with `auth` = `jwt`"),
        (
            &["secret=hunter2-hunter2", "keys=https://k"],
            "the setting `secret` cannot stand beside `keys`: give one of them",
        ),
        (
            &["secret=hunter2"],
            "the setting `secret` has a bad value: allowed are visible ASCII characters, at least 8 of them, or nothing",
        ),
    ] {
        let error = refused(&manifest, &flags(given));
        assert!(error.contains(said), "{said} is not in {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for given in
        [&[][..], &["issuer=https://i"], &["auth=jwt", "issuer=https://i"], &["secret=hunter2-hunter2"]]
    {
        bank(&manifest, &flags(given)).get("/");
    }
}

#[test]
fn white_space_around_a_value_does_not_count() {
    let bank = bank(&with_rules(), &["--variable", "store= redis\n", "--variable", "ttl=\t60\r\n"]);
    bank.get("/");
}

#[test]
fn the_timeout_of_stores_must_be_one() {
    let manifest = manifest("")
        .replace("[variables]", "[application.tool.bank]\nstore_timeout_ms = \"{{ word }}\"\n[variables]");
    let error = refused(&manifest, &[]);
    assert!(error.contains("`store_timeout_ms` of [application.tool.bank]: `hello` is no number"), "{error}");
}

#[test]
fn every_character_arrives_from_flags_files_and_the_environment() {
    let manifest = manifest("variables = { greeting = \"{{ word }}\" }");
    let expected = format!("{:?}", Ok::<_, ()>(ODD));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let quoted = format!("\"{}\"", ODD.replace('\\', "\\\\").replace('"', "\\\""));
    let text = file("word.txt", ODD);
    let json = file("v.json", &format!("{{\"word\": {quoted}}}"));
    let toml = file("v.toml", &format!("word = {quoted}"));
    for flag in [format!("word={ODD}"), format!("word=@{text}"), format!("@{json}"), format!("@{toml}")] {
        assert_eq!(value(&bank(&manifest, &["--variable", &flag]), "greeting"), expected, "{flag}");
    }
    let config =
        file("c.toml", &format!("[[variables_provider]]\ntype = \"static\"\nvalues = {{ word = {quoted} }}"));
    let provided = bank(&manifest, &["--runtime-config-file", &config]);
    assert_eq!(value(&provided, "greeting"), expected);
    assert_eq!(value(&bank_with(&manifest, "SPIN_VARIABLE_WORD", ODD), "greeting"), expected);
}

/// A `bank` that `make up` started; dropped, make is told to stop, which stops it.
struct Made(Bank);

impl Drop for Made {
    fn drop(&mut self) {
        self.0.signal("TERM");
        common::within(Duration::from_secs(5), || std::net::TcpStream::connect(&self.0.address).is_err());
    }
}

/// `make up` with these arguments and variables of the environment, in a copy of what it needs.
fn make_up(arguments: &[&str], environment: &[(&str, &str)]) -> Made {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let here = folder.path();
    std::fs::create_dir(here.join("scripts")).unwrap();
    for file in ["Makefile", "scripts/up"] {
        std::fs::copy(root.join(file), here.join(file)).unwrap();
    }
    std::fs::write(here.join("spin.toml"), with_rules()).unwrap();
    let mut command = Command::new("make");
    command
        .args(["--silent", "--old-file=build", "up", "LISTEN=127.0.0.1:0"])
        .args(arguments)
        .envs(environment.iter().copied())
        .env("BANK", env!("CARGO_BIN_EXE_bank"))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .current_dir(here)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Made(serving(folder, command))
}

#[test]
fn make_up_takes_an_address_with_any_characters_for_both_ways_to_redis() {
    let redis = common::redis::Redis::start();
    // In the address of a password all but these must be percent-encoded; none may be lost on the way.
    let url = format!("redis://:a&b%23c%40d'e$f$$g!h;i*j(k)~@127.0.0.1:{}/1", redis.port);
    let expected = format!("{:?}", Ok::<_, ()>(&url));
    let argument = format!("REDIS_URL= {url} ");
    for made in [make_up(&[&argument], &[]), make_up(&[], &[("REDIS_URL", &url)])] {
        assert_eq!(value(&made.0, "redis_url"), expected);
        assert_eq!(value(&made.0, "store"), "Ok(\"redis\")");
        made.0.wait_for_stderr(&format!("Redis at 127.0.0.1:{}", redis.port));
        let config = std::fs::read_to_string(made.0.folder.path().join("build/redis.toml")).unwrap();
        assert!(config.contains(&format!("url = \"{url}\"")), "{config}");
    }
}

#[test]
fn make_up_goes_by_spins_own_store_when_it_is_told_so() {
    let redis = common::redis::Redis::start();
    let url = format!("REDIS_URL={}", redis.url());
    let made = make_up(&[&url, "STORE=kv"], &[]);
    assert_eq!(value(&made.0, "store"), "Ok(\"kv\")");
    assert_eq!(made.0.get("/kv/set?key=a&value=1"), "Ok(())");
    drop(made);
    assert_eq!(value(&make_up(&[], &[]).0, "store"), "Ok(\"kv\")");
}
