//! Turns the parsed shape of a manifest into its meaning: resolves references, and refuses what `bank` cannot do.
//!
//! Every error names the line and says what to do instead.

use super::model::{Build, Component, Manifest, Route, Variable};
use super::schema::{self, Commands, Unsupported};
use crate::allowed_hosts::AllowedHost;
use crate::names;
use crate::rules::{RuleTable, VariableRule};
use crate::source::{Source, Table};
use crate::template::Template;
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::{Spanned, Value};

/// Reads one file.
pub struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// Where its relative paths start.
    pub folder: &'a Path,
}

impl Reader<'_> {
    /// Reads and checks all of it; the first error counts.
    pub fn manifest(&self) -> anyhow::Result<Manifest> {
        let file: schema::ManifestFile = self.source.parse()?;
        self.version(&file.spin_manifest_version)?;
        self.unsupported(&file.application.trigger, "settings for all triggers are not done by `bank`")?;
        let bank = file.application.tool.bank;
        let mut variables = self.variables(file.variables)?;
        self.rules(bank.variables, &mut variables)?;
        let declared = variables.iter().map(|variable| variable.name.as_str()).collect();
        let store_timeout_ms =
            bank.store_timeout_ms.map(|text| self.template(&text, &declared)).transpose()?;
        let readiness_path = bank.readiness_path.map(|path| self.readiness_path(path)).transpose()?;
        let components = self.components(file.component, &variables)?;
        let (routes, private) = self.routes(&file.trigger, &components)?;
        Ok(Manifest {
            folder: self.folder.to_owned(),
            name: file.application.name,
            version: file.application.version,
            variables,
            store_timeout_ms,
            readiness_path,
            routes,
            private,
            components,
        })
    }

    fn version(&self, version: &Spanned<Value>) -> anyhow::Result<()> {
        if version.get_ref().as_integer() == Some(2) {
            return Ok(());
        }
        let message = "the only manifest version that `bank` reads is 2: `spin_manifest_version = 2`";
        Err(self.source.error(version.span(), message))
    }

    fn readiness_path(&self, path: Spanned<String>) -> anyhow::Result<String> {
        let is_path = path.get_ref().starts_with('/');
        self.check(path.span(), is_path.then_some(()).ok_or("a path begins with `/`".to_owned()))?;
        Ok(path.into_inner())
    }

    fn unsupported(&self, key: &Unsupported, message: &str) -> anyhow::Result<()> {
        match key {
            Some(value) if !is_empty(value.get_ref()) => Err(self.source.error(value.span(), message)),
            _ => Ok(()),
        }
    }

    fn check(&self, span: Range<usize>, result: Result<(), String>) -> anyhow::Result<()> {
        result.map_err(|message| self.source.error(span, message))
    }

    fn variables(&self, table: Table<schema::VariableTable>) -> anyhow::Result<Vec<Variable>> {
        let mut variables = Vec::new();
        for (name, variable) in table.0 {
            self.check(name.span(), names::variable(name.get_ref()))?;
            if variable.required == variable.default.is_some() {
                let message = format!(
                    "variable `{}` must have either a `default` or `required = true`",
                    name.get_ref()
                );
                return Err(self.source.error(name.span(), message));
            }
            variables.push(Variable {
                name: name.into_inner(),
                default: variable.default,
                secret: variable.secret,
                rule: None,
            });
        }
        Ok(variables)
    }

    fn rules(&self, table: Table<Spanned<RuleTable>>, variables: &mut [Variable]) -> anyhow::Result<()> {
        let place = |variables: &[Variable], name: &str, span: Range<usize>| {
            let unknown = || format!("no variable is named `{name}`: declare it under [variables]");
            let place = variables.iter().position(|variable| variable.name == name);
            place.ok_or_else(|| self.source.error(span, unknown()))
        };
        for (name, written) in table.0 {
            let index = place(variables, name.get_ref(), name.span())?;
            let span = written.span();
            let rule: Result<VariableRule, &str> = written.into_inner().try_into();
            let rule = rule.map_err(|message| self.source.error(span.clone(), message))?;
            for other in rule.others() {
                place(variables, other, span.clone())?;
            }
            if let Some(variable) = variables.get_mut(index) {
                variable.rule = Some(rule);
            }
        }
        Ok(())
    }

    fn components(
        &self,
        table: Table<schema::ComponentTable>,
        variables: &[Variable],
    ) -> anyhow::Result<Vec<Component>> {
        let declared = variables.iter().map(|variable| variable.name.as_str()).collect();
        let mut components = Vec::new();
        for (id, component) in table.0 {
            self.check(id.span(), names::component_id(id.get_ref()))?;
            components.push(self.component(id.into_inner(), component, &declared)?);
        }
        Ok(components)
    }

    fn component(
        &self,
        id: String,
        component: schema::ComponentTable,
        declared: &HashSet<&str>,
    ) -> anyhow::Result<Component> {
        self.nothing_unsupported(&component)?;
        let mut variables = Vec::new();
        for (name, value) in component.variables.0 {
            self.check(name.span(), names::variable(name.get_ref()))?;
            variables.push((name.into_inner(), self.template(&value, declared)?));
        }
        let mut stores = Vec::new();
        for label in component.key_value_stores {
            self.check(label.span(), names::store_label(label.get_ref()))?;
            stores.push(label.into_inner());
        }
        let environment = component.environment.0.into_iter();
        Ok(Component {
            source: self.wasm(&id, &component.source)?,
            id,
            description: component.description,
            variables,
            environment: environment.map(|(name, value)| (name.into_inner(), value)).collect(),
            allowed_outbound_hosts: self.allowed_hosts(&component.allowed_outbound_hosts, declared)?,
            key_value_stores: stores,
            build: component.build.map(|build| self.build(build)).transpose()?,
        })
    }

    fn nothing_unsupported(&self, component: &schema::ComponentTable) -> anyhow::Result<()> {
        for (key, message) in [
            (&component.files, "`files` is not done by `bank`: build what a component serves into it"),
            (
                &component.allowed_http_hosts,
                "`allowed_http_hosts` is deprecated: use `allowed_outbound_hosts`",
            ),
            (&component.sqlite_databases, "SQLite databases are not done by `bank`: use `key_value_stores`"),
            (&component.ai_models, "AI models are not done by `bank`: remove `ai_models`"),
            (
                &component.dependencies,
                "component dependencies are not done by `bank`: compose the .wasm when it is built",
            ),
            (
                &component.dependencies_inherit_configuration,
                "component dependencies are not done by `bank`: remove this key",
            ),
        ] {
            self.unsupported(key, message)?;
        }
        Ok(())
    }

    fn wasm(&self, id: &str, source: &Spanned<Value>) -> anyhow::Result<PathBuf> {
        match source.get_ref() {
            Value::String(path) => Ok(self.folder.join(path)),
            _ => Err(self.source.error(
                source.span(),
                format!("`bank` downloads nothing: the source of component `{id}` must be the path of a .wasm file"),
            )),
        }
    }

    fn template(&self, text: &Spanned<String>, declared: &HashSet<&str>) -> anyhow::Result<Template> {
        let template =
            Template::parse(text.get_ref()).map_err(|error| self.source.error(text.span(), error))?;
        if let Some(name) = template.variables().find(|name| !declared.contains(name)) {
            let message = format!(
                "no variable is named `{name}`: declare it under [variables], or correct {:?}",
                text.get_ref()
            );
            return Err(self.source.error(text.span(), message));
        }
        Ok(template)
    }

    /// Hosts without variables are checked here, where their line is known, the others at `up`.
    fn allowed_hosts(
        &self,
        hosts: &[Spanned<String>],
        declared: &HashSet<&str>,
    ) -> anyhow::Result<Vec<Template>> {
        let mut templates = Vec::new();
        for host in hosts {
            let template = self.template(host, declared)?;
            if template.is_literal() {
                AllowedHost::parse(host.get_ref())
                    .map_err(|error| self.source.error(host.span(), format!("{error:#}")))?;
            }
            templates.push(template);
        }
        Ok(templates)
    }

    fn build(&self, build: schema::BuildTable) -> anyhow::Result<Build> {
        let folder = match build.workdir {
            Some(path) if Path::new(path.get_ref()).has_root() => {
                let message = "`workdir` must be relative to the manifest's folder";
                return Err(self.source.error(path.span(), message));
            }
            Some(path) => self.folder.join(path.get_ref()),
            None => self.folder.to_owned(),
        };
        let commands = match build.command {
            Commands::One(command) => vec![command],
            Commands::Several(commands) => commands,
        };
        Ok(Build { commands, folder })
    }

    /// The routes, and the components with private routes.
    fn routes(
        &self,
        triggers: &schema::Triggers,
        components: &[Component],
    ) -> anyhow::Result<(Vec<Route>, Vec<String>)> {
        if let Some(kind) = triggers.others.first() {
            let message = format!(
                "triggers of type `{}` are not done by `bank`: it has only [[trigger.http]]",
                kind.get_ref()
            );
            return Err(self.source.error(kind.span(), message));
        }
        let (mut routes, mut private) = (Vec::new(), Vec::new());
        for trigger in &triggers.http {
            let (path, component) = self.route(trigger, components)?;
            match path {
                Some(path) => routes.push(Route { path, component }),
                None => private.push(component),
            }
        }
        if routes.is_empty() {
            return Err(self.source.error(0..0, "there is no [[trigger.http]]: nothing could be served"));
        }
        Ok((routes, private))
    }

    /// The component, and the path unless the route is private.
    fn route(
        &self,
        trigger: &Spanned<schema::HttpTrigger>,
        components: &[Component],
    ) -> anyhow::Result<(Option<String>, String)> {
        let http = trigger.get_ref();
        for (key, message) in [
            (&http.static_response, "static responses are not done by `bank`: let a component answer"),
            (
                &http.components,
                "`components` is not done by `bank`: middleware must be composed into the .wasm",
            ),
            (&http.dependencies, "`dependencies` is not done by `bank`: compose the .wasm when it is built"),
        ] {
            self.unsupported(key, message)?;
        }
        if let Some(executor) = &http.executor
            && !matches!(executor.get_ref().kind.as_str(), "http" | "spin")
        {
            let message = "the only executor that `bank` has is `{ type = \"http\" }`";
            return Err(self.source.error(executor.span(), message));
        }
        Ok((self.path(http, trigger.span())?, self.component_of(http, trigger.span(), components)?))
    }

    fn path(&self, http: &schema::HttpTrigger, here: Range<usize>) -> anyhow::Result<Option<String>> {
        match &http.route {
            None => Err(self.source.error(here, "an HTTP trigger needs a `route`")),
            Some(route) => match route.get_ref() {
                Value::String(path) => Ok(Some(path.clone())),
                Value::Table(table) if *table == private() => Ok(None),
                _ => Err(self.source.error(
                    route.span(),
                    "the route must be a string, or `{ private = true }` for a component that only others call",
                )),
            },
        }
    }

    fn component_of(
        &self,
        http: &schema::HttpTrigger,
        here: Range<usize>,
        components: &[Component],
    ) -> anyhow::Result<String> {
        let Some(component) = &http.component else {
            return Err(self.source.error(here, "an HTTP trigger needs a `component`"));
        };
        let Value::String(id) = component.get_ref() else {
            let message =
                "inline components are not done by `bank`: write a [component.NAME] table and name it here";
            return Err(self.source.error(component.span(), message));
        };
        if components.iter().any(|component| component.id == *id) {
            return Ok(id.clone());
        }
        let message = format!("no component is named `{id}`: add [component.{id}], or correct the name");
        Err(self.source.error(component.span(), message))
    }
}

/// The value of a route that has no public path.
fn private() -> toml::Table {
    toml::Table::from_iter([("private".to_owned(), Value::Boolean(true))])
}

/// `[]`, `{}` and `false` request nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Table(table) => table.is_empty(),
        Value::Boolean(value) => !value,
        _ => false,
    }
}
