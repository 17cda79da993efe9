//! `sim`: the simulator from the command line.
//!
//! Random seeds by default, `--exhaustive` for the small cases, `--hunt` for the planted bugs. It prints first what
//! it runs. For a failure it prints the shortest story and the command that repeats it. It exits with 1 when an
//! invariant was broken, or a planted bug was not found.

#![allow(clippy::arithmetic_side_effects, reason = "it counts; the profile checks overflow")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use sim::cases::cases;
use sim::disk::Flavour;
use sim::exhaustive::explore;
use sim::hunt::{FoundBug, by_chance, by_exhaustion};
use sim::planted::Bug;
use sim::run::{Failure, Figures, RunSettings, run, story};
use sim::shrink::shrink;

/// Simulates the bank on stores that lie.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// How many operations in each.
    #[arg(long, default_value_t = 10_000)]
    ops: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which backend; without it seeds play them in turn.
    #[arg(long)]
    flavour: Option<Flavour>,
    /// A bug to plant.
    #[arg(long)]
    plant: Option<Bug>,
    /// Explores the small cases in full instead.
    #[arg(long)]
    exhaustive: bool,
    /// Only the small case of this name.
    #[arg(long, requires = "exhaustive")]
    case: Option<String>,
    /// At most so many faults, instead of the case's own number.
    #[arg(long, requires = "exhaustive")]
    faults: Option<u8>,
    /// Tells all that happened in a run that failed, at once, instead of the shortest story.
    #[arg(long)]
    whole: bool,
    /// Looks for every planted bug instead, and prints a table.
    #[arg(long)]
    hunt: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let held = if arguments.hunt {
        hunt()
    } else if arguments.exhaustive {
        exhaustive(&arguments)
    } else {
        random(&arguments)
    };
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Sums {
    seeds: AtomicU64,
    operations: AtomicU64,
    entries: AtomicU64,
    steps: AtomicU64,
    faults: AtomicU64,
    broken: AtomicU64,
}

impl Sums {
    fn add(&self, Figures { operations, steps, entries, faults }: Figures) {
        for (sum, more) in [
            (&self.seeds, 1),
            (&self.operations, operations),
            (&self.steps, steps),
            (&self.entries, entries),
            (&self.faults, faults),
        ] {
            sum.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn print(&self, seeds: u64, started: Instant) {
        let [done, operations, entries, steps, faults, broken] =
            [&self.seeds, &self.operations, &self.entries, &self.steps, &self.faults, &self.broken]
                .map(|sum| sum.load(Ordering::Relaxed));
        let seconds = started.elapsed().as_secs();
        println!(
            "{done} of {seeds} seeds: {operations} operations, {entries} entries, {steps} steps, \
             {faults} faults, {broken} violations, {seconds} s"
        );
    }
}

fn random(arguments: &Arguments) -> bool {
    let last = arguments.seed + arguments.seeds;
    println!("seeds {} to {}, {} operations each", arguments.seed, last - 1, arguments.ops);
    let (next, progress, printing) = (AtomicU64::new(arguments.seed), Sums::default(), Mutex::new(()));
    let started = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread::available_parallelism().map_or(1, usize::from))
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= last {
                            return;
                        }
                        one_seed(arguments, seed, &progress, &printing);
                    }
                })
            })
            .collect();
        let mut printed = Instant::now();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(50));
            if printed.elapsed() > Duration::from_secs(5) {
                progress.print(arguments.seeds, started);
                printed = Instant::now();
            }
        }
    });
    progress.print(arguments.seeds, started);
    progress.broken.load(Ordering::Relaxed) == 0
}

fn one_seed(arguments: &Arguments, seed: u64, progress: &Sums, printing: &Mutex<()>) {
    let flavour = arguments.flavour.unwrap_or(Flavour::of_seed(seed));
    let setting = RunSettings { seed, operations: arguments.ops, flavour, bug: arguments.plant };
    match run(setting) {
        Ok(figures) => progress.add(figures),
        Err(failure) => {
            progress.add(failure.figures);
            progress.broken.fetch_add(1, Ordering::Relaxed);
            let _one_at_a_time = printing.lock();
            tell(setting, &failure, arguments.whole);
        }
    }
}

fn tell(setting: RunSettings, failure: &Failure, whole: bool) {
    let RunSettings { seed, operations, flavour, bug } = setting;
    println!("seed {seed}, {flavour}: {}", failure.violation);
    let (choices, violation) =
        if whole { (failure.choices.clone(), failure.violation.clone()) } else { shrink(setting, failure) };
    for line in story(setting, &choices) {
        println!("    {line}");
    }
    println!("{} of {} steps suffice: {violation}", choices.len(), failure.choices.len());
    let plant = bug.map(|bug| format!(" --plant {}", name(bug))).unwrap_or_default();
    println!(
        "again: cargo run --profile native -p sim -- --seeds 1 --seed {seed} --ops {operations} \
         --flavour {flavour}{plant}"
    );
}

fn exhaustive(arguments: &Arguments) -> bool {
    println!("| case | backend | faults | states | steps | interleavings | longest |");
    println!("|---|---|---|---|---|---|---|");
    let mut held = true;
    let flavours = arguments.flavour.map_or(Flavour::OF_ONE_STORE.to_vec(), |flavour| vec![flavour]);
    for case in cases().iter().filter(|case| arguments.case.as_ref().is_none_or(|name| name == case.name)) {
        for &flavour in flavours.iter().filter(|flavour| case.flavours.contains(flavour)) {
            let faults = arguments.faults.unwrap_or(case.faults_on(flavour));
            match explore(case, flavour, faults, arguments.plant, u64::MAX) {
                Ok(explored) => println!(
                    "| {} | {flavour} | {faults} | {} | {} | {} | {} |",
                    case.name, explored.states, explored.steps, explored.interleavings, explored.longest
                ),
                Err(broken) => {
                    held = false;
                    println!("{}, {flavour}, {faults} faults: {}", case.name, broken.violation);
                    for line in &broken.story {
                        println!("    {line}");
                    }
                    let plant = arguments.plant.map(|bug| format!(" --plant {}", name(bug)));
                    println!(
                        "again: cargo run --profile native -p sim -- --exhaustive --case '{}' \
                         --flavour {flavour} --faults {faults}{}",
                        case.name,
                        plant.unwrap_or_default()
                    );
                }
            }
        }
    }
    held
}

fn hunt() -> bool {
    println!(
        "| planted bug | broken invariant | by chance: operations | steps | in small cases: states | steps | case |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut all = true;
    for &bug in Bug::value_variants() {
        let (chance, small) = (by_chance(bug), by_exhaustion(bug));
        all &= chance.is_some() && small.is_some();
        let figures = |found: &Option<FoundBug>| {
            found
                .as_ref()
                .map_or("unfound | -".to_owned(), |found| format!("{} | {}", found.looked_at, found.steps))
        };
        let sentence = small.as_ref().or(chance.as_ref()).map_or("", |found| found.sentence);
        let place = small.as_ref().map_or("", |found| &found.place);
        println!("| {} | {sentence} | {} | {} | {place} |", name(bug), figures(&chance), figures(&small));
    }
    all
}

fn name(bug: Bug) -> String {
    bug.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
