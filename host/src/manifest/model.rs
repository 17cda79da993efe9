//! What a manifest means, once it is checked.

use crate::rules::VariableRule;
use crate::template::Template;
use std::path::PathBuf;

/// An application, checked.
pub struct Manifest {
    /// The folder that the file is in; every relative path starts there.
    pub folder: PathBuf,
    /// `[application] name`
    pub name: String,
    /// `[application] version`, or nothing.
    pub version: String,
    /// `[variables]`
    pub variables: Vec<Variable>,
    /// How long components wait for a store, in milliseconds; a template over the variables.
    pub store_timeout_ms: Option<Template>,
    /// The path whose answer says whether the application is ready.
    pub readiness_path: Option<String>,
    /// `[[trigger.http]]`: which component answers which route, in the order of the file.
    pub routes: Vec<Route>,
    /// The components that only other components may call: `route = { private = true }`.
    pub private: Vec<String>,
    /// `[component.NAME]`, in the order of the file.
    pub components: Vec<Component>,
}

/// An application variable.
pub struct Variable {
    /// Its name, in lower case.
    pub name: String,
    /// The default; a variable without one must be set.
    pub default: Option<String>,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// The values that it may have; any, if there is no rule.
    pub rule: Option<VariableRule>,
}

/// A route and the component that answers it.
#[derive(Clone)]
pub struct Route {
    /// As written: `/exact`, `/with/:name`, `/and/below/...`.
    pub path: String,
    /// The component's id.
    pub component: String,
}

/// A component and all that it is granted.
pub struct Component {
    /// Its id.
    pub id: String,
    /// The `.wasm` file.
    pub source: PathBuf,
    /// Shown under its routes.
    pub description: String,
    /// Its variables, each a template over the application's.
    pub variables: Vec<(String, Template)>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Where it may connect to; templates over the application's variables.
    pub allowed_outbound_hosts: Vec<Template>,
    /// Labels of the stores that it may open.
    pub key_value_stores: Vec<String>,
    /// How it is built, if it is.
    pub build: Option<Build>,
}

/// How a component is built.
pub struct Build {
    /// Shell commands, run one after the other.
    pub commands: Vec<String>,
    /// Where they are run.
    pub folder: PathBuf,
}
