//! The proxy itself: it must do what it says before anything is concluded from it.

use super::{CONNECT_WITHIN, Direction, Proxy, ProxyMode};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough for what should happen, short enough to wait for what should not.
const A_MOMENT: Duration = Duration::from_millis(300);

/// A proxy in front of an echo server.
async fn proxy() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Proxy::to(target).await.unwrap()
}

async fn connected(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// What comes back, or `None` if nothing does for a moment.
async fn echo(stream: &mut TcpStream, word: &str) -> Option<std::io::Result<String>> {
    if let Err(problem) = stream.write_all(word.as_bytes()).await {
        return Some(Err(problem));
    }
    heard(stream).await
}

async fn heard(stream: &mut TcpStream) -> Option<std::io::Result<String>> {
    let mut answer = [0; 64];
    let read = timeout(A_MOMENT, stream.read(&mut answer)).await.ok()?;
    Some(read.map(|read| String::from_utf8_lossy(&answer[..read]).into_owned()))
}

#[tokio::test]
async fn what_is_held_arrives_later() {
    let proxy = proxy().await;
    let mut stream = connected(&proxy).await;
    assert_eq!(echo(&mut stream, "one").await.unwrap().unwrap(), "one");
    for way in [Direction::FromBank, Direction::ToBank, Direction::Both] {
        proxy.set(ProxyMode::Hold(way));
        assert!(echo(&mut stream, "two").await.is_none());
        proxy.set(ProxyMode::Pass);
        assert_eq!(heard(&mut stream).await.unwrap().unwrap(), "two");
    }
}

#[tokio::test]
async fn what_is_swallowed_never_arrives_and_ends_with_its_connection() {
    let proxy = proxy().await;
    let mut stream = connected(&proxy).await;
    proxy.set(ProxyMode::Swallow(Direction::Both));
    assert!(echo(&mut stream, "one").await.is_none());
    proxy.set(ProxyMode::Pass);
    assert!(heard(&mut stream).await.unwrap().is_err());
    assert_eq!(echo(&mut connected(&proxy).await, "two").await.unwrap().unwrap(), "two");
}

#[tokio::test]
async fn refused_is_refused_and_open_again_afterwards() {
    let proxy = proxy().await;
    let mut stream = connected(&proxy).await;
    assert_eq!(echo(&mut stream, "one").await.unwrap().unwrap(), "one");
    proxy.set(ProxyMode::Refuse);
    assert!(heard(&mut stream).await.unwrap().is_err());
    tokio::time::sleep(A_MOMENT).await;
    assert!(TcpStream::connect(proxy.address()).await.is_err());
    proxy.set(ProxyMode::Pass);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(echo(&mut connected(&proxy).await, "two").await.unwrap().unwrap(), "two");
}

#[tokio::test]
async fn a_connection_to_a_vanished_address_gets_no_answer() {
    let proxy = proxy().await;
    proxy.set(ProxyMode::Vanish);
    tokio::time::sleep(A_MOMENT + CONNECT_WITHIN).await;
    assert!(timeout(A_MOMENT, TcpStream::connect(proxy.address())).await.is_err());
    proxy.set(ProxyMode::Pass);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(echo(&mut connected(&proxy).await, "two").await.unwrap().unwrap(), "two");
}

#[tokio::test]
async fn half_closed_ends_the_answers_alone() {
    let proxy = proxy().await;
    let mut stream = connected(&proxy).await;
    assert_eq!(echo(&mut stream, "one").await.unwrap().unwrap(), "one");
    proxy.set(ProxyMode::HalfClose);
    assert_eq!(heard(&mut stream).await.unwrap().unwrap(), "");
    assert!(stream.write_all(b"two").await.is_ok());
}

#[tokio::test]
async fn late_is_late_and_cut_is_cut() {
    let proxy = proxy().await;
    let mut stream = connected(&proxy).await;
    proxy.set(ProxyMode::Late(A_MOMENT + A_MOMENT / 2));
    assert!(echo(&mut stream, "one").await.is_none());
    assert_eq!(heard(&mut stream).await.unwrap().unwrap(), "one");
    proxy.cut();
    assert!(heard(&mut stream).await.unwrap().is_err());
}
