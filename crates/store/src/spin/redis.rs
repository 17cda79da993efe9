//! Sends the `redis` adapter's script from inside a component, by `spin:redis`.
//!
//! An instance keeps one connection to each server. It gives a connection up after an error, when a script was not
//! answered in time (the rest of it may hang for minutes), and when the server is not, or not yet, a master: the
//! next script connects again, to wherever the address leads then (docs/spin.md, fact 10).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use batch::{Deadline as _, Mutex};
use eventlog::Level;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

use super::settings::{self, redis_url};
use super::{StoreRequest, since_began};
use crate::breaker::{Breaker, Limits as _};
use crate::keys::Document;
use crate::reason::Reason;
use crate::redis::cluster::{Node, Redirect, SlotMap};
use crate::redis::nodes::{self, Nodes, StepQueues, Unanswered};
use crate::redis::readiness;
use crate::redis::risks::risks;
use crate::redis::script::{self, ReplyValue};
use crate::redis::{RawRedis, ScriptFailure, Step, StepQueue, StepReply, is_overflow};
use crate::trouble::Trouble;

/// How long a node may take to answer what it knows of the cluster, before the next one is asked.
const MAP_TIMEOUT: Duration = Duration::from_millis(100);

/// How long Redis waits for its replicas, in ms, before it answers how many have a write. On `bank`'s connection
/// nobody else is answered meanwhile.
const WAIT_MS: &[u8] = b"2";
/// How long a write waits for replicas if the one before it has waited in vain.
const SHORT_WAIT: Duration = Duration::from_millis(50);
/// The part of the deadline that is left when a write has too few replicas: being late would count as silence of
/// Redis. An idle Redis checks its clock ten times a second, so a `WAIT` may take a tenth of a second longer than it
/// should.
const DEADLINE_MARGIN: Duration = Duration::from_millis(150);

thread_local! {
    static SERVERS: RefCell<Vec<Rc<Server>>> = const { RefCell::new(Vec::new()) };
    static RISKS_LOGGED: Cell<bool> = const { Cell::new(false) };
    static NODES_NAMED: Cell<bool> = const { Cell::new(false) };
    static MAP: &'static RefCell<SlotMap> = Box::leak(Box::new(RefCell::new(SlotMap::new())));
    static WAITS: StepQueues = StepQueues::default();
}

/// A server as this instance knows it: the one that `redis_url` names, or a node of its cluster.
#[derive(Default)]
pub struct Server {
    node: Node,
    pub breaker: Breaker,
    pub trouble: Trouble,
    /// The last write had too few replicas.
    has_too_few_replicas: Cell<bool>,
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

/// Adds the nodes that `redis_url` names to the map, once for each instance.
pub async fn name_nodes() {
    if NODES_NAMED.get() {
        return;
    }
    if let Some(url) = redis_url().await {
        NODES_NAMED.set(true);
        MAP.with(|map| map.borrow_mut().name_nodes(Node::named(&url)));
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

/// The keys that `/readyz` writes to learn whether this Redis takes writes.
pub fn readiness_keys() -> Vec<Document> {
    let [from, ..] = getrandom::u64().unwrap_or_default().to_le_bytes();
    MAP.with(|map| readiness::keys(&map.borrow(), from))
}

/// Logs, once for each instance, which settings of the known servers may lose acknowledged writes. If the user may
/// not call `INFO`, nothing is logged.
pub fn log_risks() {
    if RISKS_LOGGED.replace(true) {
        return;
    }
    // Nobody waits for it.
    spin_sdk::wasip3::spawn(async {
        let mut nodes = MAP.with(|map| map.borrow().nodes());
        if nodes.is_empty() {
            nodes.push(Node::default());
        }
        let mut told: Vec<&str> = Vec::new();
        for node in nodes {
            let Ok(mut connection) = InUse::of(&node, false).await else { continue };
            let answer = connection.execute("INFO", Vec::new()).await;
            // If the user may not call it, the connection is still good.
            connection.is_good = !matches!(&answer, Err(error) if !reason(error).is_refusal());
            if let Ok([ReplyValue::Bytes(info)]) = answer.as_deref() {
                for risk in risks(info) {
                    if !told.contains(&risk) {
                        told.push(risk);
                    }
                }
            }
        }
        for risk in told {
            let members = [("state", "at risk".into()), ("store", "redis".into()), ("reason", risk.into())];
            eventlog::event(Level::Warn, "store", members);
        }
    });
}

/// A connection in use. Unless it proves good it is dropped, so that nobody else uses it.
struct InUse {
    server: Rc<Server>,
    connection: Rc<Connection>,
    asking: bool,
    is_good: bool,
}

impl InUse {
    /// The connection to a node; one that nobody else uses, if an `ASKING` is to precede the next command.
    async fn of(node: &Node, asking: bool) -> Result<Self, Error> {
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

    async fn execute(&self, command: &str, arguments: Vec<Vec<u8>>) -> Result<Vec<ReplyValue>, Error> {
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

impl RawRedis for StoreRequest {
    async fn run(&self, steps: &[Step]) -> Vec<Result<StepReply, ScriptFailure>> {
        self.call(nodes::run(self, steps)).await
    }

    fn at(&self, key: &str) -> (Self, Rc<StepQueue>) {
        let map = self.map().borrow();
        let (server, steps) = (Server::at(&map.node_of(key)), WAITS.with(|waits| waits.at(&map, key)));
        (self.on(server), steps)
    }

    fn waits_for_replicas(&self) -> bool {
        settings::replicas() > 0
    }
}

impl Nodes for StoreRequest {
    fn map(&self) -> &RefCell<SlotMap> {
        MAP.with(|map| *map)
    }

    async fn eval(&self, node: &Node, asking: bool, steps: &[&Step]) -> Result<Vec<StepReply>, Unanswered> {
        let here = self.to(node);
        let mut connection = InUse::of(node, asking).await.map_err(|error| {
            here.call_failed(reason(&error), false);
            Unanswered::Away
        })?;
        if asking && let Err(error) = connection.execute("ASKING", Vec::new()).await {
            here.call_failed(reason(&error), false);
            return Err(Unanswered::Failed(ScriptFailure::Refused));
        }
        let mut answer = match connection.execute("EVAL", script::arguments(steps)).await {
            Ok(values) => script::replies(values).ok_or(Reason::WRONG_ANSWER),
            Err(error) => {
                let reason = reason(&error);
                if let Error::Other(text) = error
                    && let Some(redirect) = Redirect::of(reason, &text)
                {
                    connection.is_good = true;
                    return Err(Unanswered::Redirected(redirect, reason));
                }
                Err(reason)
            }
        };
        connection.is_good = match &answer {
            Ok(said) => !refusals(steps, said).any(|(reason, _)| reason.leads_elsewhere()),
            Err(reason) => reason.is_refusal() && !reason.leads_elsewhere(),
        };
        let kept = match &mut answer {
            Ok(said) => here.keep(&mut connection, said).await,
            Err(_) => Ok(()),
        };
        here.note(steps, &answer, kept);
        answer.map_err(|reason| match () {
            () if reason.leads_elsewhere() => Unanswered::Away,
            () if reason.is_refusal() => Unanswered::Failed(ScriptFailure::Refused),
            () => Unanswered::Failed(ScriptFailure::Broken),
        })
    }

    async fn slots(&self, node: &Node) -> Vec<ReplyValue> {
        let until = since_began().saturating_add(MAP_TIMEOUT).min(self.time.deadline);
        let asks = async {
            let mut connection = InUse::of(node, false).await?;
            // If this call is given up early, the connection stays: other requests use it.
            connection.is_good = true;
            let answer = connection.execute("CLUSTER", vec![b"SLOTS".into()]).await;
            connection.is_good = !matches!(&answer, Err(error) if !reason(error).is_refusal());
            answer
        };
        match self.until(until).by_deadline(asks).await {
            Some(Ok(values)) => values,
            Some(Err(error)) => {
                self.to(node).call_failed(reason(&error), false);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn now(&self) -> Duration {
        since_began()
    }

    async fn pause(&self, time: Duration) -> bool {
        if since_began().saturating_add(time) >= self.deadline() {
            return false;
        }
        spin_sdk::time::sleep(time).await;
        true
    }

    fn gave_up(&self, why: Reason) {
        self.call_failed(why, false);
    }
}

impl StoreRequest {
    /// The same request, to a node.
    fn to(&self, node: &Node) -> Self {
        self.on(Server::at(node))
    }

    fn on(&self, server: Rc<Server>) -> Self {
        Self { time: Rc::clone(&self.time), server }
    }

    /// Waits until enough replicas have what was written, or marks it as `TooFewReplicas`.
    async fn keep(&self, connection: &mut InUse, said: &mut [StepReply]) -> Result<(), Reason> {
        let replicas = settings::replicas();
        if replicas == 0 || !said.iter().any(StepReply::is_done) {
            return Ok(());
        }
        let server = Rc::clone(&connection.server);
        // If the last write waited in vain, this one waits less, so that the next batch is not delayed as long.
        let patience = if server.has_too_few_replicas.get() { SHORT_WAIT } else { self.time.deadline };
        let until =
            since_began().saturating_add(patience).min(self.time.deadline.saturating_sub(DEADLINE_MARGIN));
        let kept = loop {
            let wait = vec![replicas.to_string().into_bytes(), WAIT_MS.into()];
            let answer = connection.execute("WAIT", wait).await;
            connection.is_good &= answer.is_ok();
            let kept = match answer.as_deref() {
                Ok([ReplyValue::Code(have)]) if u64::try_from(*have).is_ok_and(|have| have >= replicas) => {
                    Ok(())
                }
                Ok([ReplyValue::Code(_)]) => Err(Reason::TOO_FEW_REPLICAS),
                Ok(_) => break Err(Reason::WRONG_ANSWER),
                // If the user may not call `WAIT`, nobody can confirm that replicas have it.
                Err(error) if reason(error).is_refusal() => {
                    server.has_too_few_replicas.set(true);
                    break Err(reason(error));
                }
                Err(error) => break Err(reason(error)),
            };
            server.has_too_few_replicas.set(kept.is_err());
            if kept.is_ok() || since_began() >= until {
                break kept;
            }
        };
        if kept.is_err() {
            script::mark_too_few_replicas(said);
        }
        kept
    }

    fn note(&self, steps: &[&Step], answer: &Result<Vec<StepReply>, Reason>, kept: Result<(), Reason>) {
        match answer {
            Err(reason) => self.call_failed(*reason, false),
            Ok(said) => match (refusals(steps, said).next(), kept) {
                (Some((reason, wrote)), _) => self.call_failed(reason, wrote),
                (None, Err(reason)) => self.call_failed(reason, true),
                (None, Ok(())) => self.call_answered(said.iter().any(StepReply::is_done)),
            },
        }
    }
}

/// Why steps were refused, and whether they were writes. A sum that is too large is no failure of the store.
fn refusals(steps: &[&Step], said: &[StepReply]) -> impl Iterator<Item = (Reason, bool)> {
    steps.iter().zip(said).filter_map(|(step, said)| match said {
        StepReply::Refused(why) if !is_overflow(why) => Some((Reason::of(why), !step.verb.is_read())),
        _ => None,
    })
}

fn reason(error: &Error) -> Reason {
    match error {
        Error::InvalidAddress => Reason::BAD_ADDRESS,
        Error::TooManyConnections => Reason::TOO_MANY_CONNECTIONS,
        Error::TypeError => Reason::WRONG_ANSWER,
        Error::Other(text) => Reason::of(text),
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
