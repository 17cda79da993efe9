//! `bank up`: finds everything that can be wrong before it accepts the first connection, in this order: manifest,
//! runtime config, variables and their rules, stores (and that no import into one was interrupted), components.
//! Then it serves.

use crate::allowed_hosts::AllowedHosts;
use crate::answer::App;
use crate::arguments::UpArguments;
use crate::backup::unfinished;
use crate::build_command;
use crate::chain::Chain;
use crate::component::ReadyComponent;
use crate::engine::{self, Compiler};
use crate::fault;
use crate::imports::Servers;
use crate::instances::BusyInstances;
use crate::internal_hosts;
use crate::kv::{self, Stores};
use crate::manifest::{self, Manifest};
use crate::placement::Running;
use crate::readiness::Readiness;
use crate::redis::Patience;
use crate::rules;
use crate::runtime_config::{DEFAULT_LABEL, RuntimeConfig};
use crate::serve;
use crate::telemetry::Telemetry;
use crate::tls;
use crate::variables::{Values, refuse_dotenv};
use crate::well_known::WellKnown;
use anyhow::{Context as _, anyhow, ensure};
use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Runs the application until a signal comes.
pub fn up(options: &UpArguments) -> anyhow::Result<()> {
    let manifest = Manifest::load(&options.from)?;
    if options.build {
        build_command::build(&manifest, &[])?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // It was told to stop and has stopped: a success.
    let end = |signals: serve::Signals| signals.end_the_process(0, "Stopped by a signal before it served.");
    let starting =
        runtime.block_on(async { serve::Signals::new().map(|signals| tokio::spawn(end(signals))) })?;
    refuse_dotenv(Path::new(""))?;
    let environment = |name: &str| std::env::var(name).ok();
    let config = runtime_config(options, &manifest)?;
    let values = Values::resolve(&manifest.variables, &options.variable, &config.providers, environment)?;
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in Values::undeclared(&manifest.variables, names) {
        eprintln!("Warning: {name} is set and changes nothing: the manifest declares no such variable");
    }
    values.check(&manifest.variables)?;
    let patience = patience(&manifest, &values)?;
    let stores = stores(options, &manifest, &config, patience)?;
    unfinished::refuse_interrupted_import(config, &values)?;
    let ended = runtime.block_on(async {
        let telemetry = Arc::new(Telemetry::new(&manifest.name, environment)?);
        let app = Arc::new(app(options, &manifest, &values, &stores, patience, &telemetry)?);
        let ended = serve(options, &manifest, app, starting).await;
        // It waits for the collector, so it needs a thread that may block.
        let _ = tokio::task::spawn_blocking(move || telemetry.end()).await;
        ended
    });
    // Nothing is in flight. Dropping the runtime would abort every idle instance, each with a message on stderr; the
    // process ends anyway.
    std::mem::forget(runtime);
    ended
}

/// Listens, and serves `app` until a signal comes. `starting` is ended by a signal before that.
async fn serve(
    options: &UpArguments,
    manifest: &Manifest,
    app: Arc<App>,
    starting: tokio::task::JoinHandle<()>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::acceptor(certificate, key)?),
        _ => None,
    };
    // Before the announcement, since whoever reads that may stop it at once.
    let signals = serve::Signals::new()?;
    starting.abort();
    let scheme = if tls.is_some() { "https" } else { "http" };
    announce(&format!("{scheme}://{}", listener.local_addr()?), manifest, &app);
    let drain = Duration::from_secs(options.drain_seconds);
    serve::serve(listener, tls, app, &options.limits, drain, signals).await
}

fn runtime_config(options: &UpArguments, manifest: &Manifest) -> anyhow::Result<RuntimeConfig> {
    let state_dir = options.state_dir.as_deref().map(Path::new);
    RuntimeConfig::load(options.runtime_config_file.as_deref(), &manifest.folder, state_dir)
}

/// How long components wait for a store, if the manifest says.
fn patience(manifest: &Manifest, values: &Values) -> anyhow::Result<Patience> {
    let Some(template) = &manifest.store_timeout_ms else { return Ok(Patience::DEFAULT) };
    let time = rules::milliseconds(&values.fill(template)?);
    Ok(Patience::new(time.context("`store_timeout_ms` of [application.tool.bank]")?))
}

/// Opens the stores that components may use, and no others.
fn stores(
    options: &UpArguments,
    manifest: &Manifest,
    config: &RuntimeConfig,
    patience: Patience,
) -> anyhow::Result<Stores> {
    let file = options.runtime_config_file.as_deref();
    let used: HashSet<&str> = manifest
        .components
        .iter()
        .flat_map(|component| component.key_value_stores.iter().map(String::as_str))
        .collect();
    for component in &manifest.components {
        for label in &component.key_value_stores {
            ensure!(
                config.stores.iter().any(|(known, _)| known == label),
                "component `{}` uses the key-value store `{label}`, which is not defined: \
                 add [key_value_store.{label}] to {}",
                component.id,
                file.map_or("a file and pass it with --runtime-config-file".to_owned(), |file| {
                    file.display().to_string()
                }),
            );
        }
    }
    let stores = kv::open(config, patience, |label| used.contains(label))?;
    let default = config.stores.iter().find(|(label, _)| label == DEFAULT_LABEL);
    if let Some((_, config)) = default.filter(|(label, _)| used.contains(label.as_str())) {
        eprintln!("Storing default key-value data to {config}.");
    }
    match &options.fault {
        None => Ok(stores),
        Some(file) => fault::wrap(stores, file),
    }
}

fn app(
    options: &UpArguments,
    manifest: &Manifest,
    values: &Values,
    stores: &Stores,
    patience: Patience,
    telemetry: &Arc<Telemetry>,
) -> anyhow::Result<App> {
    let compiler = Compiler::new(!options.disable_cache)?;
    let servers = Arc::new(Servers::new(patience));
    let chain = Arc::new(Chain::default());
    let busy = BusyInstances::on_this_machine();
    let allowed = |component| Ok((component, Arc::new(allowed_hosts(component, values)?)));
    let used: Vec<_> =
        triggered_components(manifest).into_iter().map(allowed).collect::<anyhow::Result<_>>()?;
    let start = |(component, allowed): &(&manifest::Component, Arc<AllowedHosts>)| {
        let component = ReadyComponent {
            id: component.id.as_str().into(),
            engine: compiler.engine().clone(),
            service: compiler.compile(&component.id, &component.source)?,
            stores: Arc::new(granted(component, stores)),
            servers: servers.clone(),
            variables: Arc::new(variables(component, values)?),
            environment: component.environment.clone(),
            allowed_hosts: allowed.clone(),
            chain: chain.clone(),
            shown: !options.quiet,
            telemetry: telemetry.clone(),
        };
        Ok((component.id.to_string(), Running::new(component, options.placement, &busy)))
    };
    let running: HashMap<String, Running> = in_parallel(&used, start)?.into_iter().collect();
    engine::return_unused_memory();
    chain.connect(callable_components(&running, used.iter().map(|(_, allowed)| &**allowed)));
    let routes = manifest
        .routes
        .iter()
        .filter_map(|route| Some((route.clone(), running.get(&route.component)?.clone())));
    let readiness = Readiness::new(manifest.readiness_path.clone());
    let well_known = WellKnown::new(&manifest.name, &manifest.version)?;
    App::new(well_known, readiness, &options.limits, routes, chain, telemetry.clone())
}

/// The components that have a trigger; the others are never called.
fn triggered_components(manifest: &Manifest) -> Vec<&manifest::Component> {
    let routed = |id: &str| manifest.routes.iter().any(|route| route.component == id);
    let used =
        |component: &&manifest::Component| routed(&component.id) || manifest.private.contains(&component.id);
    manifest.components.iter().filter(used).collect()
}

/// The components that some component may call by name.
fn callable_components<'a>(
    running: &HashMap<String, Running>,
    allowed: impl Iterator<Item = &'a AllowedHosts> + Clone,
) -> HashMap<String, Running> {
    let is_called = |(name, _): &(&String, &Running)| {
        internal_hosts::addresses(name).iter().any(|url| allowed.clone().any(|hosts| hosts.allow(url)))
    };
    running.iter().filter(is_called).map(|(name, running)| (name.clone(), running.clone())).collect()
}

/// Runs a function on each item in a thread of its own; the first error counts.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    action: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(|| action(item))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
        };
        threads.into_iter().map(join).collect()
    })
}

fn granted(component: &manifest::Component, stores: &Stores) -> Stores {
    let labels = component.key_value_stores.iter();
    labels.filter_map(|label| Some((label.clone(), stores.get(label)?.clone()))).collect()
}

fn variables(component: &manifest::Component, values: &Values) -> anyhow::Result<HashMap<String, String>> {
    let variables = component.variables.iter();
    variables.map(|(name, template)| Ok((name.clone(), values.fill(template)?))).collect()
}

fn allowed_hosts(component: &manifest::Component, values: &Values) -> anyhow::Result<AllowedHosts> {
    let hosts: Vec<String> = component
        .allowed_outbound_hosts
        .iter()
        .map(|template| values.fill(template))
        .collect::<anyhow::Result<_>>()?;
    AllowedHosts::parse(hosts)
        .with_context(|| format!("in allowed_outbound_hosts of component `{}`", component.id))
}

/// Prints what Spin prints when connections are accepted. Nobody has to read it.
fn announce(url: &str, manifest: &Manifest, app: &App) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\nServing {url}\nAvailable Routes:");
    for (route, id) in app.routes() {
        let _ = writeln!(out, "  {id}: {url}{route}");
        let component = manifest.components.iter().find(|component| component.id == id);
        let description = component.map_or("", |component| component.description.as_str());
        if !description.is_empty() {
            let _ = writeln!(out, "    {description}");
        }
    }
    let _ = out.flush();
}
