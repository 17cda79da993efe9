//! Ports for the nodes of a Redis Cluster.

use anyhow::bail;
use tokio::net::TcpListener;

/// A node listens for the other nodes at its port plus this number.
pub const BUS: u16 = 10_000;

/// A free port, whose bus port is free too.
pub async fn free_port() -> anyhow::Result<u16> {
    for _ in 0..200 {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let port = port.checked_sub(BUS).filter(|port| *port > 1024).unwrap_or(port);
        let is_free = TcpListener::bind(("127.0.0.1", port)).await.is_ok();
        let bus = port.checked_add(BUS);
        if is_free && bus.is_some() && TcpListener::bind(("127.0.0.1", bus.unwrap_or_default())).await.is_ok()
        {
            return Ok(port);
        }
    }
    bail!("no port is free")
}
