//! `wasi:clocks/monotonic-clock.wait-for`, counted. wasmtime's own does the same without a look at the instance's
//! state, so its calls could not be counted.

use super::state::Imports;
use std::time::Duration;
use wasmtime::component::Linker;

const CLOCK: &str = "wasi:clocks/monotonic-clock@0.3.0";

/// Replaces the linked function by this one; WASI is in the linker already.
pub fn add_to_linker<T: Imports>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(CLOCK)?.func_wrap_concurrent("wait-for", |accessor, (nanoseconds,): (u64,)| {
        Box::pin(async move {
            accessor.with(|mut access| access.data_mut().count_timer());
            if nanoseconds > 0 {
                tokio::time::sleep(Duration::from_nanos(nanoseconds)).await;
            }
            Ok(())
        })
    })?;
    linker.allow_shadowing(false);
    Ok(())
}
