//! The servers that an instance knows, and its connections to them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use batch::Mutex;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

use super::settings::redis_url;
use crate::breaker::Breaker;
use crate::redis::cluster::Node;
use crate::redis::script::ReplyValue;
use crate::trouble::Trouble;

thread_local! {
    static SERVERS: RefCell<Vec<Rc<Server>>> = const { RefCell::new(Vec::new()) };
}

/// A server as this instance knows it: the one that `redis_url` names, or a node of its cluster.
#[derive(Default)]
pub struct Server {
    node: Node,
    pub breaker: Breaker,
    pub trouble: Trouble,
    /// The last write had too few replicas.
    pub has_too_few_replicas: Cell<bool>,
    connection: RefCell<Option<Rc<Connection>>>,
    /// Held by the request that opens the connection.
    opening: Mutex,
    /// Connections that one script at a time uses, each after an `ASKING`.
    aside: RefCell<Vec<Rc<Connection>>>,
}

impl Server {
    /// The server that is this node.
    pub fn at(node: &Node) -> Rc<Self> {
        SERVERS.with_borrow_mut(|all| {
            if let Some(server) = all.iter().find(|server| server.node == *node) {
                return Rc::clone(server);
            }
            let server = Rc::new(Self { node: node.clone(), ..Self::default() });
            all.push(Rc::clone(&server));
            server
        })
    }

    /// A connection, which the next request can use too, unless it is to be `aside`.
    async fn open(&self, aside: bool) -> Result<Rc<Connection>, Error> {
        let address = self.node.address(&redis_url().await.unwrap_or_default());
        let opened = Rc::new(Connection::open(address).await?);
        if !aside {
            self.connection.replace(Some(Rc::clone(&opened)));
        }
        Ok(opened)
    }
}

/// Whether some server refuses writes because it is a replica.
pub fn is_read_only() -> bool {
    SERVERS.with_borrow(|all| all.iter().any(|server| server.trouble.is_read_only()))
}

/// Whether the last write on some server had too few replicas.
pub fn has_too_few_replicas() -> bool {
    SERVERS.with_borrow(|all| all.iter().any(|server| server.has_too_few_replicas.get()))
}

/// A connection in use. Unless it proves good it is dropped, so that nobody else uses it.
pub struct InUse {
    pub server: Rc<Server>,
    connection: Rc<Connection>,
    asking: bool,
    pub is_good: bool,
}

impl InUse {
    /// The connection to a node; one that nobody else uses, if an `ASKING` is to precede the next command.
    pub async fn of(node: &Node, asking: bool) -> Result<Self, Error> {
        let server = Server::at(node);
        let kept = || {
            if asking { server.aside.borrow_mut().pop() } else { server.connection.borrow().clone() }
        };
        let connection = match kept() {
            Some(connection) => connection,
            None => {
                // `bank`'s components share a connection: opening one more and dropping it would end it for all.
                let _guard = server.opening.lock().await;
                match kept() {
                    Some(connection) => connection,
                    None => server.open(asking).await?,
                }
            }
        };
        Ok(Self { server, connection, asking, is_good: false })
    }

    pub async fn execute(&self, command: &str, arguments: Vec<Vec<u8>>) -> Result<Vec<ReplyValue>, Error> {
        let arguments = arguments.into_iter().map(RedisParameter::Binary);
        let answer = self.connection.execute(command, arguments).await?;
        Ok(answer.into_iter().map(value).collect())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        match (self.asking, self.is_good) {
            (true, true) => self.server.aside.borrow_mut().push(Rc::clone(&self.connection)),
            (false, false) => {
                self.server.connection.borrow_mut().take_if(|kept| Rc::ptr_eq(kept, &self.connection));
            }
            _ => {}
        }
    }
}

fn value(result: RedisResult) -> ReplyValue {
    match result {
        RedisResult::Nil => ReplyValue::Nil,
        RedisResult::Int64(code) => ReplyValue::Code(code),
        RedisResult::Binary(bytes) => ReplyValue::Bytes(bytes),
        RedisResult::Status(text) => ReplyValue::Bytes(text.into_bytes()),
    }
}
