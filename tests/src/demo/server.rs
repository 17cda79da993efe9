//! The HTTP server of the demo: the page, its state, and orders to break and mend things. `GET /`, `GET /state`,
//! `POST /begin/…`, `/end/…`, `/steal`.

use crate::demo::guard;
use crate::demo::score::Score;
use crate::demo::stage::Order;
use crate::demo::trouble::Action;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// The page loads nothing from elsewhere, and cannot be put into a frame to have its buttons clicked.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CSS: &str = "text/css; charset=utf-8";

/// Path, media type, content. The mark and the script for the colours are those of the dashboard.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/demo.css", CSS, include_str!("page/demo.css")),
    ("/demo.js", "text/javascript; charset=utf-8", include_str!("page/demo.js")),
    ("/plot.js", "text/javascript; charset=utf-8", include_str!("page/plot.js")),
    ("/theme.js", "text/javascript; charset=utf-8", include_str!("../../../components/web/assets/theme.js")),
    ("/mark.svg", "image/svg+xml", include_str!("../../../components/web/assets/mark.svg")),
];

/// The dashboard's colours, which are the first rule of its stylesheet.
pub fn palette() -> &'static str {
    let dashboard = include_str!("../../../components/web/assets/dashboard.css");
    dashboard.split_inclusive('}').next().unwrap_or_default()
}

/// The server.
pub struct Server {
    /// The demo's own port, by which requests of its page are recognised.
    port: u16,
    score: Arc<Score>,
    orders: mpsc::Sender<Order>,
}

type PageResponse = Response<Full<Bytes>>;

impl Server {
    /// Serves this score, and passes on orders.
    pub fn new(port: u16, score: Arc<Score>, orders: mpsc::Sender<Order>) -> Self {
        Self { port, score, orders }
    }

    /// Serves for ever.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let server = Arc::new(self);
        loop {
            let (stream, _) = listener.accept().await?;
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let service = hyper::service::service_fn(|request| server.answer(request));
                let connection = hyper::server::conn::http1::Builder::new();
                // A browser may leave at any time.
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<PageResponse, Infallible> {
        let (method, path) = (request.method(), request.uri().path());
        if let Some(why) = guard::refusal(method, request.headers(), self.port) {
            return Ok(text(StatusCode::FORBIDDEN, why));
        }
        let file = FILES.iter().find(|(name, ..)| *name == path);
        Ok(match (method, file) {
            (&Method::GET, Some((_, media_type, content))) => respond(StatusCode::OK, media_type, *content),
            (&Method::GET, None) if path == "/palette.css" => respond(StatusCode::OK, CSS, palette()),
            (&Method::GET, None) if path == "/state" => self.state(),
            (&Method::POST, None) => self.order(path).await,
            _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
        })
    }

    fn state(&self) -> PageResponse {
        self.score.note_viewer();
        match serde_json::to_vec(&self.score.state()) {
            Ok(state) => respond(StatusCode::OK, "application/json", state),
            Err(problem) => text(StatusCode::INTERNAL_SERVER_ERROR, problem.to_string()),
        }
    }

    async fn order(&self, path: &str) -> PageResponse {
        let Some(action) = Action::read(path) else {
            return text(StatusCode::NOT_FOUND, "there is no such action");
        };
        let (tell, told) = oneshot::channel();
        let done = match self.orders.send((action, tell)).await {
            Ok(()) => told.await.unwrap_or_else(|_| Err("the demo ends".to_owned())),
            Err(_) => Err("the demo ends".to_owned()),
        };
        match done {
            Ok(()) => self.state(),
            Err(why) => text(StatusCode::CONFLICT, why),
        }
    }
}

fn text(status: StatusCode, text: impl Into<String>) -> PageResponse {
    respond(status, "text/plain; charset=utf-8", text.into())
}

fn respond(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> PageResponse {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_that_the_page_uses_is_the_dashboards_or_its_own() {
        let own = include_str!("page/demo.css");
        let used = own.split("var(--").skip(1).filter_map(|rest| rest.split(')').next());
        let missing: Vec<&str> =
            used.filter(|name| !format!("{}{own}", palette()).contains(&format!(" --{name}:"))).collect();
        assert!(palette().contains("--accent:") && missing.is_empty(), "{missing:?}");
    }
}
