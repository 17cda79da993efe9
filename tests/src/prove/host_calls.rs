//! How often requests call the host, interface by interface: not more often than in `budgets.toml`.
//!
//! Scenario: somebody reads the clock once more, or a header at a time. Mechanism: each instance prints at its end
//! what it has called (`BANK_HOST_CALLS`, host/src/host_calls.rs). One instance of each component serves one
//! request, the next one serves some more; the difference is what each of those costs. Under Spin's placement, which
//! keeps requests that come one after another on one instance.

use crate::bank::Bank;
use crate::budgets::Budgets;
use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan};
use crate::request::Request;
use anyhow::{anyhow, bail, ensure};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many requests a later instance serves, beside the first.
const LATER_REQUESTS: u64 = 4;
/// An instance ends after a second without a request.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// On a busy machine a body may come behind its head, which costs some calls more, or an instance may end between two
/// requests. So the fewest calls of several rounds count.
const TRIES: usize = 3;
const MARK: &str = "] host calls: ";

type Calls = BTreeMap<String, u64>;
/// For the first request of an instance and for the next ones: the calls of each route.
type Costs = BTreeMap<String, BTreeMap<String, Calls>>;

/// A request to a component that no other of these requests goes to.
struct Route {
    component: &'static str,
    name: &'static str,
    request: fn(&Bank, usize) -> Request<'_>,
}

const ROUTES: [Route; 6] = [
    Route {
        component: "counter",
        name: "POST /v1/bitcoins",
        request: |bank, _| bank.post("/v1/bitcoins?bitcoins=5"),
    },
    Route {
        component: "deposit",
        name: "POST /v1/deposit",
        request: |bank, n| of_user(bank.post("/v1/deposit"), n),
    },
    Route { component: "health", name: "GET /healthz", request: |bank, _| bank.get("/healthz") },
    Route { component: "rates", name: "GET /v1/rates, warm", request: |bank, _| bank.get("/v1/rates") },
    Route {
        component: "wallet",
        name: "GET /v1/wallet",
        request: |bank, n| bank.get("/v1/wallet").user(&user(n)),
    },
    Route {
        component: "withdraw",
        name: "POST /v1/withdraw",
        request: |bank, n| of_user(bank.post("/v1/withdraw"), n),
    },
];

fn user(number: usize) -> String {
    format!("host-calls-{number}")
}

/// Under a new key.
fn of_user(request: Request<'_>, number: usize) -> Request<'_> {
    request.user(&user(number)).idempotency_key(fresh("key")).amount("1")
}

/// The banks that are counted.
pub fn plan(plan: Plan) -> Plan {
    Plan { processes: 2, placement: Some("spin"), counts_host_calls: true, rates_ttl_seconds: 3600, ..plan }
}

/// Each request makes the calls that `budgets.toml` lists for this store.
pub async fn assert_within_budget(deployment: &mut Deployment, store: &str) -> anyhow::Result<()> {
    let other = deployment.client_of(1);
    // What is known of these wallets and of rates is in the store, and not in an instance of the bank in question.
    other.get("/v1/rates").await.is(200);
    for number in 0..=usize::try_from(LATER_REQUESTS)? {
        other.deposit(&user(number), "10").await;
    }
    let allowed = Budgets::load().host_calls.remove(store).unwrap_or_default();
    let mut fewest = Err(anyhow!("no round was counted"));
    for _ in 0..TRIES {
        fewest = match (costs(deployment).await, fewest) {
            (Ok(costs), Ok(fewest)) => Ok(fewer(fewest, &costs)),
            (Err(_), Ok(fewest)) => Ok(fewest),
            (costs, Err(_)) => costs,
        };
        if fewest.as_ref().is_ok_and(|fewest| is_within(fewest, &allowed)) {
            return Ok(());
        }
    }
    bail!("budgets.toml allows fewer:\n{}", table(store, &fewest?))
}

/// Whether no request makes more calls than it may, and `budgets.toml` lists the same requests.
fn is_within(costs: &Costs, allowed: &BTreeMap<String, BTreeMap<String, String>>) -> bool {
    let requests = |which: &str| allowed.get(which).map_or(0, BTreeMap::len);
    costs.iter().all(|(which, costs)| {
        costs.len() == requests(which)
            && costs.iter().all(|(route, calls)| {
                let Some(allowed) = allowed[which].get(route).and_then(|words| counts(words)) else {
                    return false;
                };
                calls.iter().all(|(interface, calls)| calls <= allowed.get(interface).unwrap_or(&0))
            })
    })
}

/// Of each interface's calls the smaller number.
fn fewer(mut one: Costs, other: &Costs) -> Costs {
    for (which, costs) in &mut one {
        for (route, calls) in costs {
            for (interface, calls) in calls {
                *calls = (*calls).min(*other[which][route].get(interface).unwrap_or(&0));
            }
        }
    }
    one
}

/// By request, for the first of an instance and for the next ones.
async fn costs(deployment: &mut Deployment) -> anyhow::Result<Costs> {
    let bank = deployment.client_of(0);
    let alone = round(deployment, &bank, 1).await?;
    let several = round(deployment, &bank, LATER_REQUESTS + 1).await?;
    let (mut first, mut next) = (BTreeMap::new(), BTreeMap::new());
    for route in ROUTES {
        let (alone, several) = (&alone[route.component], &several[route.component]);
        first.insert(route.name.to_owned(), alone.clone());
        next.insert(route.name.to_owned(), each(alone, several));
    }
    Ok([("first".to_owned(), first), ("next".to_owned(), next)].into())
}

fn table(store: &str, costs: &Costs) -> String {
    let mut text = String::new();
    for (which, costs) in costs {
        text += &format!("[host_calls.{store}.{which}]\n");
        costs.iter().for_each(|(route, calls)| text += &format!("\"{route}\" = \"{}\"\n", words(calls)));
    }
    text
}

/// What one more request costs on average, rounded to a whole number of calls.
fn each(alone: &Calls, several: &Calls) -> Calls {
    let each = several.iter().map(|(interface, calls)| {
        let more = calls.saturating_sub(*alone.get(interface).unwrap_or(&0));
        (interface.clone(), (more + LATER_REQUESTS / 2) / LATER_REQUESTS)
    });
    each.filter(|(_, calls)| *calls > 0).collect()
}

/// What an instance of each component has called in all, after it has served this many requests.
async fn round(
    deployment: &mut Deployment,
    bank: &Bank,
    requests: u64,
) -> anyhow::Result<BTreeMap<String, Calls>> {
    let before = deployment.process(0)?.logs()?.len();
    for number in 0..usize::try_from(requests)? {
        for route in ROUTES {
            (route.request)(bank, number).await.is(200);
        }
    }
    let begun = Instant::now();
    loop {
        let logs = deployment.process(0)?.logs()?.split_off(before);
        let found = logs.lines().filter_map(line).collect::<Vec<_>>();
        if ROUTES.iter().all(|route| found.iter().any(|(component, _)| component == route.component)) {
            ensure!(found.len() == ROUTES.len(), "more than one instance of a component:\n{logs}");
            return Ok(found.into_iter().collect());
        }
        ensure!(begun.elapsed() < PATIENCE, "not every instance has ended:\n{logs}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// `[wallet] host calls: http 8, redis 1`
fn line(line: &str) -> Option<(String, Calls)> {
    let (component, calls) = line.strip_prefix('[')?.split_once(MARK)?;
    Some((component.to_owned(), counts(calls)?))
}

/// `http 8, redis 1`
fn counts(words: &str) -> Option<Calls> {
    let count = |word: &str| {
        let (interface, calls) = word.rsplit_once(' ')?;
        Some((interface.to_owned(), calls.parse().ok()?))
    };
    words.split(", ").map(count).collect()
}

fn words(calls: &Calls) -> String {
    calls.iter().map(|(interface, calls)| format!("{interface} {calls}")).collect::<Vec<_>>().join(", ")
}
