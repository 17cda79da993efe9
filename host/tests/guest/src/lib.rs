//! The component for `bank`'s own tests: it does what path and query say, and answers what came of it. There is one
//! path for each thing that a host can get right or wrong.
#![cfg(target_arch = "wasm32")]

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::BodyExt as _;
use spin_sdk::experimental::wasi::keyvalue::{atomics, store};
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::{http, http_service, key_value, variables};

type Query = HashMap<String, String>;

#[http_service]
async fn handle(request: Request) -> http::Result<Response<FullBody<Bytes>>> {
    let query: Query =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    if request.uri().path() == "/body" {
        let body = request.into_body().collect().await;
        let body = body.map_err(|error| http::Error::other(format!("{error:?}")))?;
        return Ok(Response::new(FullBody::new(body.to_bytes())));
    }
    let text = told(request, &query).await?;
    let mut response = Response::new(FullBody::new(Bytes::from(text.clone())));
    if let Ok(length) = text.len().to_string().parse() {
        response.headers_mut().insert("content-length", length);
    }
    Ok(response)
}

/// Does what the path says, and tells what came of it.
async fn told(request: Request, query: &Query) -> http::Result<String> {
    let arg = |name: &str| query.get(name).cloned().unwrap_or_default();
    Ok(match request.uri().path() {
        // What comes of reading the body.
        "/read" => match request.into_body().collect().await {
            Ok(body) => format!("{} bytes", body.to_bytes().len()),
            Err(error) => format!("{error:?}"),
        },
        "/big" => "x".repeat(arg("bytes").parse().unwrap_or(0)),
        "/trap" => std::process::abort(),
        "/error" => return Err(http::Error::other("the component says no")),
        "/say" => {
            eprint!("{}", arg("err"));
            print!("{}", arg("out"));
            String::new()
        }
        "/sleep" => {
            sleep(&arg("ms")).await;
            "slept".to_owned()
        }
        "/instance" => instance(&arg("ms")).await,
        "/fetch" => fetch(&arg("url")).await,
        "/call" => call(query).await,
        "/bytes" => {
            let values = request.headers().get_all(arg("name"));
            values.iter().map(|value| format!("b\"{}\"", value.as_bytes().escape_ascii())).collect()
        }
        "/variable" => format!("{:?}", variables::get(&arg("name")).await),
        "/environment" => format!("{:?}", std::env::var(arg("name")).ok()),
        // As a request of the bank does: an asynchronous read, then a synchronous change.
        "/mixed" => {
            let read = key_values("/kv/get", query).await;
            format!("{read} {}", atomic("/atomics/increment", query))
        }
        path if path.starts_with("/kv/") => key_values(path, query).await,
        path if path.starts_with("/atomics/") => atomic(path, query),
        _ => echo(&request),
    })
}

fn echo(request: &Request) -> String {
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    for (name, value) in request.headers() {
        lines.push(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
    lines.join("\n")
}

async fn sleep(ms: &str) {
    let duration = Duration::from_millis(ms.parse().unwrap_or(0));
    spin_sdk::time::sleep(duration).await;
}

/// A name of this instance's own, and how many of these requests it has had.
async fn instance(ms: &str) -> String {
    thread_local! {
        static NAME: u64 = RandomState::new().hash_one(0);
        static REQUESTS: Cell<u32> = const { Cell::new(0) };
    }
    let request = REQUESTS.get().wrapping_add(1);
    REQUESTS.set(request);
    sleep(ms).await;
    format!("{:016x} {request}", NAME.with(|name| *name))
}

async fn fetch(url: &str) -> String {
    match http::get(url).await {
        Ok(response) => response.status().as_u16().to_string(),
        Err(error) => format!("{error:?}"),
    }
}

/// What another server or component answers, if it does `within` so many milliseconds.
async fn call(query: &Query) -> String {
    let arg = |name: &str| query.get(name).cloned().unwrap_or_default();
    let mut request = http::Request::builder().method("POST").uri(arg("url"));
    if let Some((name, value)) = arg("header").split_once(':') {
        request = request.header(name, value);
    }
    let Ok(request) = request.body(FullBody::new(Bytes::from(arg("body")))) else {
        return "what?".to_owned();
    };
    let answered = async {
        let response = http::send(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, http::Error>(format!("{status} {}", String::from_utf8_lossy(&body)))
    };
    let within = query.get("within").map_or("60000", String::as_str);
    match select(std::pin::pin!(answered), std::pin::pin!(sleep(within))).await {
        Either::Left((Ok(answer), _)) => answer,
        Either::Left((Err(error), _)) => format!("{error:?}"),
        Either::Right(_) => "late".to_owned(),
    }
}

async fn key_values(path: &str, query: &Query) -> String {
    let arg = |name: &str| query.get(name).cloned().unwrap_or_default();
    let label = query.get("label").map_or("default", String::as_str);
    let store = match key_value::Store::open(label).await {
        Ok(store) => store,
        Err(error) => return format!("{error:?}"),
    };
    match path {
        "/kv/get" => format!("{:?}", store.get(&arg("key")).await.map(text)),
        "/kv/set" => format!("{:?}", store.set(&arg("key"), arg("value").as_bytes()).await),
        // A read that is raced against a deadline, as every request of the bank begins.
        "/kv/race" => {
            let key = arg("key");
            let (read, late) = (std::pin::pin!(store.get(&key)), std::pin::pin!(sleep("200")));
            match select(read, late).await {
                Either::Left((value, _)) => format!("{:?}", value.map(text)),
                Either::Right(_) => "late".to_owned(),
            }
        }
        _ => "what?".to_owned(),
    }
}

fn atomic(path: &str, query: &Query) -> String {
    let arg = |name: &str| query.get(name).cloned().unwrap_or_default();
    let label = query.get("label").map_or("default", String::as_str);
    let bucket = match store::open(label) {
        Ok(bucket) => bucket,
        Err(error) => return format!("{error:?}"),
    };
    match path {
        "/atomics/increment" => {
            let delta = arg("delta").parse().unwrap_or(1);
            format!("{:?}", atomics::increment(&bucket, &arg("key"), delta))
        }
        "/atomics/swap" => format!("{:?}", swap(&bucket, query)),
        _ => "what?".to_owned(),
    }
}

/// Reads with `current`, lets somebody write `meanwhile`, and swaps; when it is lost, says what the new
/// `cas` shows.
fn swap(bucket: &store::Bucket, query: &Query) -> Result<String, store::Error> {
    let arg = |name: &str| query.get(name).cloned().unwrap_or_default();
    let cas = atomics::Cas::new(bucket, &arg("key"))?;
    let before = text(cas.current()?);
    if query.contains_key("meanwhile") {
        let other = atomics::Cas::new(bucket, &arg("key"))?;
        other.current()?;
        let _ = atomics::swap(other, arg("meanwhile").as_bytes());
    }
    match atomics::swap(cas, arg("value").as_bytes()) {
        Ok(()) => Ok(format!("{before:?} swapped")),
        Err(atomics::CasError::StoreError(error)) => Err(error),
        Err(atomics::CasError::CasFailed(cas)) => {
            Ok(format!("{before:?} lost to {:?}", text(cas.current()?)))
        }
    }
}

fn text(value: Option<Vec<u8>>) -> Option<String> {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
