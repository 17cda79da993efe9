//! The plot of the recorded demo: the whole run, uncovered from left to right.

use crate::demo::score::PageState;
use crate::demo::steps::{STEP, Step};
use crate::figures::svg::Svg;

/// Left of the chart, for the names of its lines; above and below it.
const LEFT: f64 = 44.0;
const TOP: f64 = 16.0;
const FOOT: f64 = 16.0;
const BETWEEN: f64 = 10.0;
/// Times from 1 ms to 1 s.
const POWERS: f64 = 3.0;
/// The time within which the bank promises an answer.
const LIMIT_MS: f64 = 600.0;

pub struct Plot<'a> {
    state: &'a PageState,
    steps: &'a [Step],
    /// The number of the first step that is shown.
    first: u64,
    /// Left, right, top, end of the times, end of the counts.
    left: f64,
    right: f64,
    top: f64,
    middle: f64,
    floor: f64,
    most: u64,
}

/// The legend of the plot.
pub fn legend(svg: &mut Svg, (mut x, y): (f64, f64)) {
    for (class, words) in [
        ("d", "200"),
        ("e", "503, nothing happened"),
        ("u", "unknown"),
        ("median", "median time"),
        ("x", "slowest answer"),
        ("limit", "600 ms"),
        ("away", "broken"),
    ] {
        match class {
            "median" | "limit" => svg.line(class, &[(x, y - 4.0), (x + 14.0, y - 4.0)]),
            "x" => svg.rect(class, (x + 6.0, y - 5.5), (3.0, 3.0)),
            _ => svg.rect(class, (x, y - 9.0), (14.0, 10.0)),
        }
        svg.text("n", (x + 19.0, y), "start", words);
        x += 46.0 + 6.4 * words.len() as f64;
    }
}

impl<'a> Plot<'a> {
    /// A plot of the last `steps` steps, within these edges.
    pub fn of(state: &'a PageState, steps: usize, (left, top, right, bottom): (f64, f64, f64, f64)) -> Self {
        let skipped = state.steps.len().saturating_sub(steps);
        let steps = state.steps.get(skipped..).unwrap_or_default();
        let (top, floor) = (top + TOP, bottom - FOOT);
        let middle = top + (floor - top - BETWEEN) * 0.55;
        let most = steps.iter().map(|step| step.answers.iter().sum()).max().unwrap_or(1).max(1);
        let first = state.first_step + skipped as u64;
        Self { state, steps, first, left: left + LEFT, right, top, middle, floor, most }
    }

    pub fn draw(&self, svg: &mut Svg) {
        self.away(svg);
        self.times(svg);
        self.counts(svg);
        let (width, height) = (self.right - self.left + 1.0, self.floor - self.top + TOP);
        svg.rect("curtain", (self.left, self.top - TOP), (width, height));
        self.grid(svg);
    }

    fn away(&self, svg: &mut Svg) {
        for outage in &self.state.outages {
            let ended = outage.ended_ms.unwrap_or(self.state.at_ms);
            let (from, to) = (self.at(outage.began_ms), self.at(ended));
            svg.rect("away", (from, self.top), (to - from, self.floor - self.top));
            svg.text("why", (from, self.top - 4.0), "start", &outage.words);
        }
    }

    fn grid(&self, svg: &mut Svg) {
        for (ms, name) in [(1.0, "1 ms"), (10.0, "10 ms"), (100.0, "100 ms"), (1000.0, "1 s")] {
            svg.line("grid", &[(self.left, self.time(ms)), (self.right, self.time(ms))]);
            svg.text("n", (self.left - 5.0, self.time(ms) + 4.0), "end", name);
        }
        svg.line("limit", &[(self.left, self.time(LIMIT_MS)), (self.right, self.time(LIMIT_MS))]);
        svg.line("grid", &[(self.left, self.floor), (self.right, self.floor)]);
        let per_second = self.most as f64 / STEP.as_secs_f64();
        svg.text("n", (self.left - 5.0, self.count(self.most) + 8.0), "end", format!("{per_second:.0}/s"));
        let mut second = 0;
        // The last one needs room.
        while second as f64 * 2.0 + 1.0 < self.steps.len() as f64 - 2.0 {
            let x = self.at((self.first + 2 * second) * self.state.step_ms);
            svg.text("n", (x, self.floor + 13.0), "middle", format!("{second} s"));
            second += 5;
        }
    }

    fn times(&self, svg: &mut Svg) {
        let mut line = Vec::new();
        for (x, step) in self.steps() {
            if let (Some(median), Some(slowest)) = (step.median_us, step.slowest_us) {
                line.push((x + self.step() / 2.0, self.time(median as f64 / 1e3)));
                svg.rect(
                    "x",
                    (x + self.step() / 2.0 - 1.5, self.time(slowest as f64 / 1e3) - 1.5),
                    (3.0, 3.0),
                );
            }
        }
        svg.line("median", &line);
    }

    fn counts(&self, svg: &mut Svg) {
        let below = |step: &Step, kinds: usize| self.count(step.answers.iter().take(kinds).sum());
        for (class, from, to) in [("d", 0, 1), ("e", 1, 2), ("u", 2, 5)] {
            let bars = self.steps().map(|(x, step)| (x, below(step, from), below(step, to)));
            svg.bars(class, self.step(), &bars.collect::<Vec<_>>());
        }
    }

    fn steps(&self) -> impl Iterator<Item = (f64, &Step)> {
        let steps = self.steps.iter().enumerate();
        steps.map(|(index, step)| (self.left + index as f64 * self.step(), step))
    }

    fn step(&self) -> f64 {
        (self.right - self.left) / self.steps.len() as f64
    }

    /// The `x` of a moment of the run.
    fn at(&self, ms: u64) -> f64 {
        let steps = ms as f64 / self.state.step_ms as f64 - self.first as f64;
        (self.left + steps * self.step()).clamp(self.left, self.right)
    }

    fn time(&self, ms: f64) -> f64 {
        self.top + (self.middle - self.top) * (1.0 - ms.log10().clamp(0.0, POWERS) / POWERS)
    }

    fn count(&self, count: u64) -> f64 {
        self.floor - (self.floor - self.middle - BETWEEN) * count as f64 / self.most as f64
    }
}
