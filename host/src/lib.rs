//! `bank`, a local runner: it does what `spin up` does for this application where there is no Spin, such as in the
//! tests and in the bench. It reads `spin.toml` as Spin does, and knows no component.
//!
//! If a manifest or a runtime config file asks for something that `bank` does not do, `bank` refuses to start and
//! names it. Nothing is ignored. The crate is a library so that its own tests can call its parts.

pub mod allowed_hosts;
pub mod answer;
pub mod arguments;
pub mod backup;
pub mod body;
pub mod build_command;
pub mod call;
pub mod chain;
pub mod cli;
pub mod code_cache;
pub mod component;
pub mod connections;
pub mod engine;
pub mod exit;
mod failed;
pub mod fault;
#[cfg(test)]
mod fuzz;
pub mod guards;
pub mod health;
mod host_calls;
pub mod imports;
pub mod instances;
pub mod internal_hosts;
pub mod kv;
pub mod lifetime;
pub mod limits;
pub mod lingering;
pub mod logs;
pub mod manifest;
pub mod names;
pub mod outbound;
pub mod placement;
pub mod places;
pub mod progress;
pub mod readiness;
pub mod redis;
pub mod router;
pub mod rules;
pub mod runtime_config;
pub mod serve;
pub mod source;
pub mod spin_headers;
pub mod spread;
pub mod target;
pub mod telemetry;
pub mod template;
pub mod tls;
pub mod unavailable;
pub mod up;
pub mod variables;
pub mod verify;
pub mod well_known;
