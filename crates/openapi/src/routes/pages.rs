//! `components/health`, `components/web`, `components/docs`

use api::Code::{NotFound, StorageUnavailable};
use api::view::{AliveView, ChecksView, ReadyView};
use utoipa::openapi::schema::Type;

use crate::operation::Route;
use crate::parameter;

const HEALTH: &str = "Health";
const PAGES: &str = "Pages";
const HTML: &str = "text/html; charset=utf-8";

pub fn all() -> Vec<Route> {
    vec![alive(), ready(), dashboard(), docs(), document(), problem()]
}

fn alive() -> Route {
    Route::get("/healthz", "alive")
        .described(HEALTH, "Is it alive?", "Never touches storage.")
        .answers("It is", &[("alive", AliveView { status: "ok" })])
}

fn ready() -> Route {
    let ready = ReadyView { status: "ready", checks: ChecksView { store: "ok" } };
    Route::get("/readyz", "ready")
        .described(
            HEALTH,
            "Can it serve?",
            "Asks the store. If it does not answer, the problem comes within 600 ms and has \
             `\"checks\": {\"store\": \"unavailable\"}`; `\"read-only\"` if it answers reads and takes no writes, as a \
             Redis does that is no longer a master; `\"too-few-replicas\"` if fewer replicas than required have a \
             write in time.",
        )
        .answers("It can", &[("ready", ready)])
        .may_fail([StorageUnavailable])
}

fn dashboard() -> Route {
    Route::get("/", "dashboard")
        .described(PAGES, "The dashboard", "Rates, the bitcoin counter and a wallet.")
        .answers_as("A page", HTML, Type::String)
        .cacheable()
        .with_headers(["content-security-policy"])
}

fn docs() -> Route {
    Route::get("/docs", "docs")
        .described(
            PAGES,
            "This document, to read and to try",
            "Everything that it loads is served by the bank itself.",
        )
        .answers_as("A page", HTML, Type::String)
        .cacheable()
        .with_headers(["content-security-policy", "vary", "content-encoding"])
}

fn document() -> Route {
    Route::get("/openapi.json", "document")
        .described(PAGES, "This document", "OpenAPI 3.1, generated from the code.")
        .answers_as("An OpenAPI document", "application/json", Type::Object)
        .cacheable()
        .with_headers(["vary", "content-encoding"])
}

fn problem() -> Route {
    Route::get("/problems/{code}", "problem")
        .described(
            PAGES,
            "What a problem means",
            "And whether to send the request again. `type` of every problem leads here.",
        )
        .takes([parameter::problem_code()])
        .answers_as("A page", HTML, Type::String)
        .with_headers(["content-security-policy"])
        .may_fail([NotFound])
}
