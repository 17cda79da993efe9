use std::collections::BTreeMap;

use crate::*;

mod fuzz;

/// A setting whatever its rule is.
trait Judge {
    fn name(&self) -> &'static str;
    fn check<'a>(&self, given: &'a str) -> Option<&'a str>;
    fn default(&self) -> &'static str;
    fn is_secret(&self) -> bool;
    fn words(&self) -> String;
}

impl<R: Rule + 'static> Judge for Setting<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn check<'a>(&self, given: &'a str) -> Option<&'a str> {
        let setting: &Setting<dyn Rule> = self;
        setting.check(given)
    }

    fn default(&self) -> &'static str {
        self.default
    }

    fn is_secret(&self) -> bool {
        self.secret
    }

    fn words(&self) -> String {
        self.rule.words()
    }
}

fn all() -> Vec<Box<dyn Judge>> {
    vec![
        Box::new(STORE),
        Box::new(REDIS_URL),
        Box::new(STORAGE_DEADLINE_MS),
        Box::new(COINGECKO_ORIGIN),
        Box::new(COINGECKO_API_KEY),
        Box::new(COINGECKO_API_KEY_HEADER),
        Box::new(RATES_TTL_SECONDS),
        Box::new(RATES_MAX_STALE_SECONDS),
        Box::new(AUTH),
        Box::new(JWT_ISSUER),
        Box::new(JWT_AUDIENCE),
        Box::new(JWT_JWKS_URL),
        Box::new(JWT_SECRET),
        Box::new(JWT_USER_CLAIM),
        Box::new(JWT_SCOPES),
        Box::new(OIDC_CLIENT_ID),
        Box::new(LOG_LEVEL),
    ]
}

/// What `bank` goes by.
fn rules() -> BTreeMap<String, toml::Table> {
    let manifest: toml::Table = include_str!("../../../spin.toml").parse().unwrap();
    let rules = manifest["application"]["tool"]["bank"]["variables"].as_table().unwrap();
    rules.iter().map(|(name, rule)| (name.clone(), rule.as_table().unwrap().clone())).collect()
}

fn setting(name: &str) -> Option<Box<dyn Judge>> {
    all().into_iter().find(|setting| setting.name() == name)
}

/// Values at the boundaries of a rule of the manifest: allowed, and not.
fn boundary_values(rule: &toml::Table) -> (Vec<String>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), vec!["a b".to_owned(), "\u{e4}".to_owned(), "\0".to_owned()]);
    good.extend(texts(rule, "one_of"));
    addresses(rule, &mut good, &mut bad);
    numbers_and_secrets(rule, &mut good, &mut bad);
    headers(rule, &mut good, &mut bad);
    let kinds = ["header_name", "header_value", "url", "public_url", "origin"];
    if !kinds.iter().any(|kind| rule.contains_key(*kind)) {
        bad.push("mongo".to_owned());
    }
    assert!(!good.is_empty(), "no boundary values of {rule:?} are known");
    (good, bad)
}

/// The texts of a rule of this kind; none if the rule is of another kind.
fn texts(rule: &toml::Table, kind: &str) -> Vec<String> {
    let texts = rule.get(kind).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    texts.into_iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn addresses(rule: &toml::Table, good: &mut Vec<String>, bad: &mut Vec<String>) {
    let [url, public_url, origin] = ["url", "public_url", "origin"].map(|kind| texts(rule, kind));
    for scheme in [&url[..], &public_url, &origin].concat() {
        good.extend(["h", "h:1", "127.0.0.1:6379", "[::1]:80"].map(|host| format!("{scheme}://{host}")));
        bad.extend(
            ["", ":1", "h:x", "h:65536", "h:0", "a b", "[::1"].map(|host| format!("{scheme}://{host}")),
        );
        bad.push(format!("x{scheme}://h"));
        good.push(format!("{}://h", scheme.to_uppercase()));
    }
    for scheme in &url {
        good.extend(
            ["user:p%40ss@h/1", "h/2?a=b", "u:p,q@a:1,b,[::1]:3/0"].map(|rest| format!("{scheme}://{rest}")),
        );
        bad.extend(["a,", ",b", "a:1,b:x", "a,,b"].map(|rest| format!("{scheme}://{rest}")));
    }
    for scheme in public_url.iter().chain(&origin) {
        bad.push(format!("{scheme}://a,b"));
    }
    for scheme in &public_url {
        good.extend(["h/1", "h/2?a=b@c"].map(|rest| format!("{scheme}://{rest}")));
        bad.extend(["u@h", "u:p@h/1", "@h"].map(|rest| format!("{scheme}://{rest}")));
    }
    for scheme in &origin {
        bad.extend(["h/path", "h?a=b", "u@h", "h#f"].map(|rest| format!("{scheme}://{rest}")));
    }
}

fn numbers_and_secrets(rule: &toml::Table, good: &mut Vec<String>, bad: &mut Vec<String>) {
    if let Some(range) = rule.get("integer").and_then(toml::Value::as_table) {
        let [from, to] = ["from", "to"].map(|end| range[end].as_integer().unwrap());
        good.extend([from, to].map(|number| number.to_string()));
        bad.extend([from.saturating_sub(1), to.saturating_add(1)].map(|number| number.to_string()));
        bad.extend(["1.0", "1e2", "+1", "0x1"].map(str::to_owned));
    }
    if let Some(secret) = rule.get("secret").and_then(toml::Value::as_table) {
        let at_least = usize::try_from(secret["at_least"].as_integer().unwrap()).unwrap();
        good.push("~".repeat(at_least));
        bad.extend(["~".repeat(at_least.saturating_sub(1)), " ~".repeat(at_least)]);
    }
}

fn headers(rule: &toml::Table, good: &mut Vec<String>, bad: &mut Vec<String>) {
    if rule.contains_key("header_name") {
        good.extend(["x-cg-pro-api-key", "Authorization"].map(str::to_owned));
        bad.extend(["x:y", "x\ny", "(x)"].map(str::to_owned));
        bad.extend(
            [
                "connection",
                "content-length",
                "Host",
                "http2-settings",
                "keep-alive",
                "proxy-connection",
                "TE",
                "trailer",
                "transfer-encoding",
                "upgrade",
            ]
            .map(str::to_owned),
        );
    }
    if rule.contains_key("header_value") {
        good.push("CG-a/b+c=~".to_owned());
        bad.extend(["a\nb", "a\tb", "\u{7f}"].map(str::to_owned));
    }
}

#[test]
fn components_allow_what_the_manifest_says_and_nothing_else() {
    for (name, rule) in rules() {
        let Some(setting) = setting(&name) else { continue };
        let (good, bad) = boundary_values(&rule);
        for value in good {
            assert_eq!(setting.check(&value), Some(value.as_str()), "{name}");
            assert_eq!(setting.check(&format!(" \t{value}\r\n")), Some(value.as_str()), "{name}");
        }
        for value in bad {
            assert_eq!(setting.check(&value), None, "{name}: {value:?}");
        }
        let may_be_empty = rule.get("or_empty").and_then(toml::Value::as_bool).unwrap_or_default();
        assert_eq!(setting.check(" \n").is_some(), may_be_empty, "{name}");
    }
}

#[test]
fn every_setting_has_the_default_of_the_manifest_which_is_allowed() {
    let manifest: toml::Table = include_str!("../../../spin.toml").parse().unwrap();
    for setting in all() {
        let (name, default) = (setting.name(), setting.default());
        let declared = &manifest["variables"][name];
        assert_eq!(declared["default"].as_str(), Some(default), "{name}");
        assert_eq!(setting.check(default), Some(default), "{name}");
        let secret = declared.get("secret").and_then(toml::Value::as_bool).unwrap_or_default();
        assert_eq!(secret, setting.is_secret(), "{name}");
    }
}

#[test]
fn every_setting_has_a_rule_in_the_manifest() {
    let rules = rules();
    let missing = all().into_iter().map(|setting| setting.name()).filter(|name| !rules.contains_key(*name));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_key_survives_with_every_special_character_and_without_its_line_feed() {
    for key in ["CG-abc123", r#"&#@%"'\~|^`{}[]<>?/:;,.=+-_)(*$!"#] {
        assert_eq!(setting("coingecko_api_key").unwrap().check(&format!("{key}\n")), Some(key));
    }
    for key in ["a b", "a\nb", "schl\u{fc}ssel"] {
        assert_eq!(setting("coingecko_api_key").unwrap().check(key), None, "{key:?}");
    }
}

#[test]
fn what_is_allowed_is_said_in_words() {
    for (name, words) in [
        ("store", "kv, redis"),
        ("rates_ttl_seconds", "an integer from 1 to 31536000"),
        ("redis_url", "an address redis://… or rediss://…"),
        ("jwt_issuer", "an address http://… or https://… without a user"),
        ("coingecko_origin", "an origin http://… or https://… without a path"),
    ] {
        assert_eq!(setting(name).unwrap().words(), words);
    }
}
