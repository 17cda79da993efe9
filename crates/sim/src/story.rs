//! Prints what happened: one line for each choice.

use crate::call::{Call, Value};
use crate::invariants::Violation;
use crate::mind::Mind;
use crate::world::{Choice, Effect, World};

/// Tells what `choices` do to `world`, up to the violation.
pub fn tell<M: Mind>(mut world: World<M>, memo: &M::Memo, choices: &[Choice]) -> Vec<String> {
    let mut lines = Vec::new();
    for choice in choices {
        let line = describe(&world, choice);
        let called = call(&world, choice);
        let keys = called.as_ref().map(Call::keys).unwrap_or_default();
        let before: Vec<_> = keys.iter().map(|key| world.disk().get(key)).collect();
        let step = world.step(memo, choice);
        let effect = called.map(|call| effect(&call, choice, &before, &world)).unwrap_or_default();
        lines.push(format!("{line}{effect}"));
        match step {
            Ok(Effect::Done(over)) => {
                let answered = over.iter().filter_map(|over| Some((over.client, over.answer.as_ref()?)));
                lines.extend(answered.map(|(client, answer)| {
                    format!("{} is answered: {answer}", name(client, world.seats()))
                }));
            }
            Ok(Effect::Nothing) => {}
            Err(Violation { sentence, seen }) => {
                lines.push(format!("BROKEN: {sentence}"));
                lines.push(format!("  {seen}"));
                return lines;
            }
        }
    }
    lines
}

fn name(client: usize, seats: usize) -> String {
    if seats == 1 {
        return format!("client {}", client + 1);
    }
    format!("client {} of instance {}", client % seats + 1, client / seats + 1)
}

fn call<M: Mind>(world: &World<M>, choice: &Choice) -> Option<Call> {
    match choice {
        Choice::Serve(origin) | Choice::Lose(origin) | Choice::Refuse(origin, _) => {
            world.waiting(origin.client).find(|(waiting, _)| waiting == origin).map(|(_, call)| call.clone())
        }
        Choice::Land(origin) | Choice::Forget(origin) => world.late_call(*origin).cloned(),
        _ => None,
    }
}

fn describe<M: Mind>(world: &World<M>, choice: &Choice) -> String {
    let who = name(choice.client(), world.seats());
    let what = call(world, choice).map(|call| call.to_string()).unwrap_or_default();
    match choice {
        Choice::Start(_, task) => format!("{who} asks: {task}"),
        Choice::Serve(_) => format!("{who}: {what}"),
        Choice::Lose(_) => format!("{who}: {what} -> error, reply lost"),
        Choice::Expire(_) => format!("{who}: its deadline passes"),
        Choice::Refuse(_, None) => format!("{who}: {what} -> refused"),
        Choice::Refuse(_, Some(step)) => format!("{who}: {what}, but not step {}", step + 1),
        Choice::GiveUp(_) => format!("{who} is given up"),
        Choice::Crash(_) if world.seats() == 1 => format!("{who} dies"),
        Choice::Crash(client) => format!("instance {} dies", client / world.seats() + 1),
        Choice::Wait(client) => format!("time passes at instance {}", client / world.seats() + 1),
        Choice::Land(_) => format!("late, of {who}: {what}"),
        Choice::Forget(_) => format!("never arrives, of {who}: {what}"),
        Choice::Shift(shift) => shift.to_string(),
        Choice::Replicate => "the replica catches up".to_owned(),
        Choice::FailOver => "the replica takes over, and every connection breaks".to_owned(),
    }
}

fn effect<M: Mind>(call: &Call, choice: &Choice, before: &[Option<Value>], world: &World<M>) -> String {
    if matches!(choice, Choice::Lose(_) | Choice::Forget(_) | Choice::Refuse(_, None)) {
        return String::new();
    }
    let after: Vec<_> = call.keys().iter().map(|key| world.disk().get(key)).collect();
    if let Call::Script(_) | Call::Eval { .. } = call {
        let held = |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), text);
        return format!(" -> {}", after.iter().map(held).collect::<Vec<_>>().join(" + "));
    }
    let (before, after) = (before.first().cloned().flatten(), after.first().cloned().flatten());
    match call {
        Call::Get(_) | Call::Begin(_) => {
            before.map_or(" -> absent".to_owned(), |value| format!(" -> {}", text(&value)))
        }
        Call::Increment(..) => after.map_or(String::new(), |value| format!(" -> {}", text(&value))),
        Call::Set(..) | Call::Script(_) | Call::Eval { .. } | Call::Slots(_) | Call::Wait => String::new(),
        Call::Swap { .. } if before == after => " -> not committed".to_owned(),
        Call::Swap { .. } => " -> committed".to_owned(),
    }
}

/// Numbers in full, documents by their size and the last characters that differ.
fn text(value: &Value) -> String {
    match store::counter::decode(value.bytes()) {
        Some((number, _)) => number.to_string(),
        None => match ledger::Wallet::decode(value.bytes()) {
            Ok(wallet) => format!("seq {}, balance {}", wallet.head().seq, wallet.head().balance),
            Err(_) => format!("{value:?}"),
        },
    }
}
