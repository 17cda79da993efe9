use spin_sdk::http::{Request, IntoResponse, FullBody};
use spin_sdk::http_service;
#[http_service]
async fn handle(_req: Request) -> impl IntoResponse {
    let r: spin_sdk::http::Result<http::Response<FullBody<bytes::Bytes>>> = Ok(http::Response::new(FullBody::new(bytes::Bytes::from_static(b"ok"))));
    r
}
