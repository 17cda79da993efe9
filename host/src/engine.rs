//! The WebAssembly engine: what it offers to components, and how they are compiled.
//!
//! Compiled code is kept in the user's cache folder (or `BANK_CACHE_DIR`), so a second start compiles nothing
//! ([`crate::code_cache`]). If that folder cannot be written, `bank` warns, and compiles at every start. Instances come
//! from a pool, which is fast and limits their number.

use crate::code_cache::CodeCache;
use crate::component::InstanceState;
use crate::imports;
use crate::outbound;
use anyhow::{Context as _, anyhow};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ProfilingStrategy};
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// The variable that says where compiled code is kept.
pub const CACHE_DIR: &str = "BANK_CACHE_DIR";
/// If it is set, the names of the components' functions are written to where `perf` looks for them
/// (`/tmp/perf-PID.map`, which stays when `bank` ends). `make bench` uses them for its flame graph.
const PERF_MAP: &str = "BANK_PERF_MAP";

const MOST_INSTANCES: u32 = 1000;
/// An instance serves several requests at a time, each on a stack of its own, and may still work on some that were
/// given up.
const STACKS_PER_INSTANCE: u32 = 16;
const MOST_MEMORY: usize = 1 << 30;

/// Makes components from files.
pub struct Compiler {
    engine: Engine,
    linker: Linker<InstanceState>,
    cache: Option<CodeCache>,
    compiled: Mutex<HashMap<PathBuf, Arc<Mutex<Option<Component>>>>>,
}

impl Compiler {
    /// An engine that offers WASI 0.2 and 0.3, `wasi:http` and what is in `wit/`.
    pub fn new(cache: bool) -> anyhow::Result<Self> {
        let mut config = Config::new();
        config.wasm_component_model_async(true);
        if std::env::var_os(PERF_MAP).is_some() {
            config.profiler(ProfilingStrategy::PerfMap);
        }
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let engine = Engine::new(&config).or_else(|_| {
            // The pool reserves 4 TiB of address space, which some machines do not have.
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
        });
        let engine = engine.map_err(from_wasmtime)?;
        let mut linker = Linker::new(&engine);
        add_imports(&mut linker).map_err(from_wasmtime)?;
        let cache = if cache { open_cache() } else { None };
        Ok(Self { engine, linker, cache, compiled: Mutex::default() })
    }

    /// The engine, to make instances with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Reads and compiles a component that answers HTTP requests.
    pub fn compile(&self, id: &str, path: &Path) -> anyhow::Result<ServicePre<InstanceState>> {
        if !path.is_file() {
            return Err(anyhow!(
                "component `{id}` is not built: there is no {}; run `bank build` (or `make build`)",
                path.display()
            ));
        }
        let component = self
            .component(path)
            .map_err(from_wasmtime)
            .with_context(|| format!("component `{id}`: {} is no valid component", path.display()))?;
        let linked: InstancePre<InstanceState> =
            self.linker.instantiate_pre(&component).map_err(from_wasmtime).with_context(|| {
                format!("component `{id}` ({}) imports what `bank` does not offer", path.display())
            })?;
        ServicePre::new(linked).map_err(from_wasmtime).with_context(|| {
            format!("component `{id}` ({}) does not export wasi:http/handler@0.3.0", path.display())
        })
    }

    /// The component in a file. It is compiled once, although `deposit` and `withdraw` share theirs.
    fn component(&self, path: &Path) -> wasmtime::Result<Component> {
        let of_file = lock(&self.compiled).entry(path.to_owned()).or_default().clone();
        let mut compiled = lock(&of_file);
        if let Some(component) = &*compiled {
            return Ok(component.clone());
        }
        let bytes = std::fs::read(path)?;
        let component = match &self.cache {
            Some(cache) => cache.component(&self.engine, &bytes),
            None => Component::new(&self.engine, &bytes),
        };
        Ok(compiled.insert(component?).clone())
    }
}

/// Returns to the system what compiling took: 120 MB, which the allocator would keep for as long as `bank` runs.
pub fn return_unused_memory() {
    // SAFETY: it asks nothing of its caller, and frees only what nobody uses.
    #[allow(unsafe_code, reason = "see above")]
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The value is consistent at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_imports(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    outbound::add_to_linker(linker)?;
    imports::add_to_linker(linker)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MOST_INSTANCES)
        .total_core_instances(MOST_INSTANCES.saturating_mul(4))
        .total_memories(MOST_INSTANCES)
        .total_tables(MOST_INSTANCES.saturating_mul(2))
        .total_stacks(MOST_INSTANCES.saturating_mul(STACKS_PER_INSTANCE))
        .max_memory_size(MOST_MEMORY);
    pool
}

fn open_cache() -> Option<CodeCache> {
    let folder = match std::env::var_os(CACHE_DIR) {
        Some(folder) => std::path::absolute(PathBuf::from(folder)).ok(),
        None => user_cache_folder(),
    };
    let opened = folder
        .context("there is no folder for them")
        .and_then(|folder| CodeCache::open(folder.join("compiled")));
    opened.inspect_err(|error| eprintln!("Warning: compiled components are not kept: {error:#}")).ok()
}

fn user_cache_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
    Some(folder.join("money-bank"))
}

/// wasmtime's errors are a type of their own.
fn from_wasmtime(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}
