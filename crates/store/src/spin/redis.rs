//! Sends the `redis` adapter's script from inside a component, by `spin:redis`.
//!
//! An instance keeps one connection to each server. It gives a connection up after an error, when a script was not
//! answered in time (the rest of it may hang for minutes), and when the server is not, or not yet, a master: the
//! next script connects again, to wherever the address leads then (docs/spin.md, fact 10).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use batch::TimedRequest as _;
use eventlog::Level;
use spin_sdk::redis::Error;

use super::request::{StoreRequest, since_began};
use super::server::{InUse, Server};
use super::settings::{self, redis_url};
use crate::breaker::CallContext as _;
use crate::keys::Document;
use crate::reason::Reason;
use crate::redis::cluster::{Node, Redirect, SlotMap};
use crate::redis::nodes::{self, Nodes, StepQueues, Unanswered};
use crate::redis::readiness;
use crate::redis::risks::risks;
use crate::redis::script::{self, ReplyValue};
use crate::redis::{RawRedis, ScriptFailure, Step, StepQueue, StepReply, is_overflow};

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
    static RISKS_LOGGED: Cell<bool> = const { Cell::new(false) };
    static NODES_NAMED: Cell<bool> = const { Cell::new(false) };
    static MAP: &'static RefCell<SlotMap> = Box::leak(Box::new(RefCell::new(SlotMap::new())));
    static WAITS: StepQueues = StepQueues::default();
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
        let until = since_began().saturating_add(MAP_TIMEOUT).min(self.deadline());
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

    /// Waits until enough replicas have what was written, or marks it as `TooFewReplicas`.
    async fn keep(&self, connection: &mut InUse, said: &mut [StepReply]) -> Result<(), Reason> {
        let replicas = settings::replicas();
        if replicas == 0 || !said.iter().any(StepReply::is_done) {
            return Ok(());
        }
        let server = Rc::clone(&connection.server);
        // If the last write waited in vain, this one waits less, so that the next batch is not delayed as long.
        let patience = if server.has_too_few_replicas.get() { SHORT_WAIT } else { self.deadline() };
        let until =
            since_began().saturating_add(patience).min(self.deadline().saturating_sub(DEADLINE_MARGIN));
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
