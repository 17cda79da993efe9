//! What happened, for the eye: one line for each choice.

use crate::call::{Call, Value};
use crate::invariants::Violation;
use crate::mind::Mind;
use crate::world::{Choice, Step, World};

/// Tells what `choices` do to `world`, up to what they break.
pub fn tell<M: Mind>(mut world: World<M>, school: &M::School, choices: &[Choice]) -> Vec<String> {
    let mut lines = Vec::new();
    for choice in choices {
        let line = describe(&world, choice);
        let before = call(&world, choice).and_then(|call| world.disk().get(call.key()));
        let called = call(&world, choice);
        let step = world.step(school, choice);
        let effect = called.map(|call| effect(&call, choice, before.as_ref(), &world)).unwrap_or_default();
        lines.push(format!("{line}{effect}"));
        match step {
            Ok(Step::Ended(client, Some(answer))) => {
                lines.push(format!("{} is answered: {answer}", name(client)));
            }
            Ok(_) => {}
            Err(Violation { sentence, seen }) => {
                lines.push(format!("BROKEN: {sentence}"));
                lines.push(format!("  {seen}"));
                return lines;
            }
        }
    }
    lines
}

fn name(client: usize) -> String {
    format!("client {}", client + 1)
}

fn call<M: Mind>(world: &World<M>, choice: &Choice) -> Option<Call> {
    match choice {
        Choice::Serve(origin) | Choice::Lose(origin) => {
            world.waiting(origin.client).find(|(waiting, _)| waiting == origin).map(|(_, call)| call.clone())
        }
        Choice::Land(origin) | Choice::Forget(origin) => world.late_call(*origin).cloned(),
        _ => None,
    }
}

fn describe<M: Mind>(world: &World<M>, choice: &Choice) -> String {
    let who = name(choice.client());
    let what = call(world, choice).map(|call| call.to_string()).unwrap_or_default();
    match choice {
        Choice::Start(_, task) => format!("{who} asks: {task}"),
        Choice::Serve(_) => format!("{who}: {what}"),
        Choice::Lose(_) => format!("{who}: {what} -> error, reply lost"),
        Choice::Expire(_) => format!("{who}: its deadline passes"),
        Choice::Crash(_) => format!("{who} dies"),
        Choice::Land(_) => format!("late, of {who}: {what}"),
        Choice::Forget(_) => format!("never arrives, of {who}: {what}"),
    }
}

fn effect<M: Mind>(call: &Call, choice: &Choice, before: Option<&Value>, world: &World<M>) -> String {
    if matches!(choice, Choice::Lose(_) | Choice::Forget(_)) {
        return String::new();
    }
    let after = world.disk().get(call.key());
    match call {
        Call::Get(_) | Call::Begin(_) => {
            before.map_or(" -> absent".to_owned(), |value| format!(" -> {}", text(value)))
        }
        Call::Increment(..) => after.map_or(String::new(), |value| format!(" -> {}", text(&value))),
        Call::Set(..) => String::new(),
        Call::Swap { .. } if before == after.as_ref() => " -> not committed".to_owned(),
        Call::Swap { .. } => " -> committed".to_owned(),
    }
}

/// Numbers in full, documents by their size and the last characters that differ.
fn text(value: &Value) -> String {
    match store::counter::read(value.bytes()) {
        Some((number, _)) => number.to_string(),
        None => match ledger::Wallet::decode(value.bytes()) {
            Ok(wallet) => format!("seq {}, balance {}", wallet.head().seq, wallet.head().balance),
            Err(_) => format!("{value:?}"),
        },
    }
}
