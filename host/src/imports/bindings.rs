//! The Rust side of `wit/world.wit`, as `bindgen!` writes it.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "imports",
    imports: {
        "spin:key-value/key-value.[static]store.open": trappable,
        "spin:key-value/key-value.[method]store.get": trappable,
        "spin:key-value/key-value.[method]store.set": trappable,
        "spin:redis/redis.[static]connection.open": trappable,
        "spin:redis/redis.[method]connection.execute": trappable,
        "wasi:keyvalue/store.open": async | trappable,
        "wasi:keyvalue/store.[method]bucket.get": async | trappable,
        "wasi:keyvalue/atomics.[static]cas.new": async | trappable,
        "wasi:keyvalue/atomics.[method]cas.current": async | trappable,
        "wasi:keyvalue/atomics.increment": async | trappable,
        "wasi:keyvalue/atomics.swap": async | trappable,
    },
    trappable_error_type: {
        "spin:key-value/key-value.error" => super::call_error::CallError<spin::key_value::key_value::Error>,
        "spin:redis/redis.error" => super::call_error::CallError<spin::redis::redis::Error>,
        "wasi:keyvalue/store.error" => super::call_error::CallError<wasi::keyvalue::store::Error>,
        "wasi:keyvalue/atomics.cas-error" => super::call_error::CallError<wasi::keyvalue::atomics::CasError>,
    },
    with: {
        "spin:key-value/key-value.store": super::opened::OpenStore,
        "spin:redis/redis.connection": crate::redis::ComponentConnection,
        "wasi:keyvalue/store.bucket": super::opened::OpenStore,
        "wasi:keyvalue/atomics.cas": super::opened::OpenSwap,
    },
});
