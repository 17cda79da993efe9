//! The shape of `spin.toml`, version 2: which keys and types are allowed where. Values that can be wrong in another
//! way too keep their position in the file. `manifest.rs` checks what they mean.
//!
//! A key that Spin does not know is refused here. A key that Spin knows and `bank` does not support is parsed as
//! `Unsupported`, so that it can be refused with a better message.

use crate::rules;
use crate::source::Table;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use toml::{Spanned, Value};

/// A key that is only parsed to be refused.
pub type Unsupported = Option<Spanned<Value>>;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a manifest")]
pub struct ManifestFile {
    pub spin_manifest_version: Spanned<Value>,
    pub application: ApplicationTable,
    #[serde(default)]
    pub variables: Table<VariableTable>,
    #[serde(default)]
    pub trigger: Triggers,
    #[serde(default)]
    pub component: Table<ComponentTable>,
}

/// `[application]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the table of an application")]
pub struct ApplicationTable {
    pub name: String,
    #[serde(default)]
    pub version: String,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "authors")]
    _authors: Vec<String>,
    #[serde(default, rename = "targets")]
    _targets: Option<IgnoredAny>,
    #[serde(default)]
    pub tool: Tools,
    pub trigger: Unsupported,
}

/// `[application.tool]`, of which one table is ours.
#[derive(Default, Deserialize)]
pub struct Tools {
    #[serde(default)]
    pub bank: BankTable,
}

/// `[application.tool.bank]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the table of `bank`")]
pub struct BankTable {
    pub store_timeout_ms: Option<Spanned<String>>,
    pub readiness_path: Option<Spanned<String>>,
    #[serde(default)]
    pub variables: Table<Spanned<rules::RuleTable>>,
}

/// `[variables]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the table of a variable")]
pub struct VariableTable {
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    pub required: bool,
    pub default: Option<String>,
    #[serde(default)]
    pub secret: bool,
}

/// `[trigger]`
#[derive(Default)]
pub struct Triggers {
    pub http: Vec<Spanned<HttpTrigger>>,
    pub others: Vec<Spanned<String>>,
}

impl<'de> Deserialize<'de> for Triggers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByType;
        impl<'de> Visitor<'de> for ByType {
            type Value = Triggers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("triggers by type, such as `[[trigger.http]]`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut triggers = Triggers::default();
                while let Some(kind) = map.next_key::<Spanned<String>>()? {
                    if kind.get_ref() == "http" {
                        triggers.http = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                        triggers.others.push(kind);
                    }
                }
                Ok(triggers)
            }
        }
        deserializer.deserialize_map(ByType)
    }
}

/// `[[trigger.http]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the table of a trigger")]
pub struct HttpTrigger {
    #[serde(default, rename = "id")]
    _id: Option<String>,
    pub route: Option<Spanned<Value>>,
    pub component: Option<Spanned<Value>>,
    pub executor: Option<Spanned<Executor>>,
    pub static_response: Unsupported,
    pub components: Unsupported,
    pub dependencies: Unsupported,
}

/// `executor = { type = "http" }`
#[derive(Deserialize)]
pub struct Executor {
    #[serde(rename = "type")]
    pub kind: String,
}

/// `[component.NAME]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the table of a component")]
pub struct ComponentTable {
    pub source: Spanned<Value>,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub variables: Table<Spanned<String>>,
    #[serde(default)]
    pub environment: Table<String>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<Spanned<String>>,
    #[serde(default)]
    pub key_value_stores: Vec<Spanned<String>>,
    pub build: Option<BuildTable>,
    #[serde(default, rename = "exclude_files")]
    _exclude_files: Vec<String>,
    #[serde(default, rename = "targets")]
    _targets: Option<IgnoredAny>,
    #[serde(default, rename = "tool")]
    _tool: Option<IgnoredAny>,
    /// Only `--profile` uses it, which `bank` does not have.
    #[serde(default, rename = "profile")]
    _profile: Option<IgnoredAny>,
    pub files: Unsupported,
    pub allowed_http_hosts: Unsupported,
    pub sqlite_databases: Unsupported,
    pub ai_models: Unsupported,
    pub dependencies: Unsupported,
    pub dependencies_inherit_configuration: Unsupported,
}

/// `[component.NAME.build]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the table of a build")]
pub struct BuildTable {
    pub command: Commands,
    pub workdir: Option<Spanned<String>>,
    #[serde(default, rename = "watch")]
    _watch: Vec<String>,
}

/// One command, or several that run in order.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Commands {
    One(String),
    Several(Vec<String>),
}
