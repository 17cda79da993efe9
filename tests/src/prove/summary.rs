//! What was proven: a line for each scenario as it ends, and a table at the end.

use crate::paint;
use crate::prove::process;
use futures::FutureExt as _;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Summary {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    result: Result<String, String>,
    took: Duration,
}

impl Summary {
    /// Runs a scenario, which fails by an error or a panic. Returns its result, if it passed.
    pub async fn scenario<T>(
        &mut self,
        name: &str,
        scenario: impl Future<Output = anyhow::Result<T>>,
    ) -> Option<T> {
        println!("\nscenario {name} ...");
        let begun = Instant::now();
        let ended = AssertUnwindSafe(scenario).catch_unwind().await;
        let (result, made) = match ended {
            Ok(Ok(made)) => (Ok(String::new()), Some(made)),
            Ok(Err(problem)) => (Err(format!("{problem:#}")), None),
            Err(panic) => (Err(words(panic.as_ref())), None),
        };
        self.add(name, result, begun.elapsed());
        made
    }

    pub fn add(&mut self, name: &str, result: Result<String, String>, took: Duration) {
        match &result {
            Ok(_) => println!("scenario {name} ... ok ({:.1} s)", took.as_secs_f32()),
            Err(problem) => {
                eprintln!("{}", paint::red(&format!("scenario {name} ... FAILED\n{problem}")));
                eprintln!("{}", process::tails());
            }
        }
        self.rows.push(Row { name: name.to_owned(), result, took });
    }

    pub fn all_passed(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.result.is_ok())
    }

    pub fn print(&self) {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let mut table = String::from("\nWhat was proven\n");
        for Row { name, result, took } in &self.rows {
            let outcome = match result {
                Ok(count) => paint::green(&format!("passed {count}")),
                Err(problem) => {
                    let first = problem.lines().find(|line| !line.is_empty()).unwrap_or_default();
                    paint::red(&format!("FAILED {first}"))
                }
            };
            let _ = writeln!(table, "  {name:width$}  {:6.1} s  {outcome}", took.as_secs_f32());
        }
        let failed = self.rows.iter().filter(|row| row.result.is_err()).count();
        let _ =
            writeln!(table, "{} proven, {failed} failed; logs: {}/", self.rows.len() - failed, process::LOGS);
        println!("{table}");
    }
}

/// The message of a panic.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned())).unwrap_or_else(|| "a panic".into())
}
