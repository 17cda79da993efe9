//! `docs/outages.svg`: a panel for each outage, with the times of answers above and their number below.

use crate::figures::outage::{Figures, STEP, StepFigures};
use crate::figures::svg::Svg;

const WIDTH: f64 = 880.0;
const TOP: f64 = 34.0;
const PANEL: (f64, f64) = (430.0, 286.0);
/// The position of a panel's upper chart within the panel; the lower one is below it.
const LEFT: f64 = 46.0;
const CHART: (f64, f64) = (374.0, 120.0);
const RATES: f64 = 64.0;
const LATENCY_TOP: f64 = 46.0;
const RATES_TOP: f64 = LATENCY_TOP + CHART.1 + 14.0;
/// The latencies that are shown, as powers of ten of a millisecond.
const POWERS: (i32, i32) = (-1, 3);
/// The limit that the slowest answer should stay below.
const PROMISED_MS: f64 = 600.0;
const STYLE: &str = "text{fill:#16211c}.bg{fill:#fff}.n{fill:#56645c;font-size:10.5px}.t{font-weight:600}\
    .o{fill:#fbeeea}.g{fill:none;stroke:#dfe5e1}.p{fill:none;stroke:#b03a2e;stroke-dasharray:4 3}\
    .m{fill:none;stroke:#14684a;stroke-width:1.5}.x{fill:#9a6b00}.d{fill:#7fb69e}.u{fill:#e3b04b}";

/// One panel's axes.
struct Panel<'a> {
    figures: &'a Figures,
    corner: (f64, f64),
    seconds: f64,
    /// Answers in a step.
    most: usize,
}

pub fn of(all: &[Figures]) -> String {
    let rows = all.len().div_ceil(2);
    let label = "Answers of the bank through outages of Redis: how long they took and how many there were.";
    let mut svg = Svg::new(WIDTH, TOP + PANEL.1 * rows as f64, label, STYLE);
    legend(&mut svg);
    let seconds = |figures: &Figures| figures.steps.len() as f64 * STEP.as_secs_f64();
    let most = all.iter().flat_map(|figures| &figures.steps).map(|step| step.done + step.unavailable).max();
    for (index, figures) in all.iter().enumerate() {
        let corner = ((index % 2) as f64 * PANEL.0 + 6.0, TOP + (index / 2) as f64 * PANEL.1);
        let most = most.unwrap_or_default().max(1);
        Panel { figures, corner, seconds: seconds(figures), most }.draw(&mut svg);
    }
    svg.end()
}

fn legend(svg: &mut Svg) {
    let (y, mut x) = (18.0, LEFT);
    for (class, words) in [
        ("m", "median time"),
        ("x", "slowest answer"),
        ("d", "200"),
        ("u", "503"),
        ("o", "Redis is away"),
        ("p", "600 ms"),
    ] {
        match class {
            "m" | "p" => svg.line(class, &[(x, y - 4.0), (x + 14.0, y - 4.0)]),
            _ => svg.rect(class, (x, y - 9.0), (14.0, 10.0)),
        }
        svg.text("n", (x + 19.0, y), "start", words);
        x += 46.0 + 6.2 * words.len() as f64;
    }
}

impl Panel<'_> {
    fn draw(&self, svg: &mut Svg) {
        let Figures { store, how, clients, .. } = self.figures;
        let title = format!("{store}: {}, {clients} clients", how.words());
        svg.text("t", self.at(LEFT, 16.0), "start", title);
        let seen = format!(
            "slowest {:.0} ms; p99 while away {:.1} ms; good again after {:.0} ms",
            self.figures.slowest_ms,
            self.figures.p99_open_ms(),
            self.figures.first_success_ms
        );
        svg.text("n", self.at(LEFT, 32.0), "start", seen);
        self.outage(svg);
        self.grid(svg);
        self.latencies(svg);
        self.rates(svg);
    }

    fn outage(&self, svg: &mut Svg) {
        let (from, to) = (self.x(self.figures.began_ms / 1e3), self.x(self.figures.ended_ms / 1e3));
        for (top, height) in [(LATENCY_TOP, CHART.1), (RATES_TOP, RATES)] {
            svg.rect("o", (from, self.corner.1 + top), (to - from, height));
        }
    }

    fn grid(&self, svg: &mut Svg) {
        let (left, right) = (self.corner.0 + LEFT, self.corner.0 + LEFT + CHART.0);
        for power in POWERS.0..=POWERS.1 {
            let y = self.y(10_f64.powi(power));
            svg.line("g", &[(left, y), (right, y)]);
            let words =
                if power == POWERS.1 { "1 s".to_owned() } else { format!("{} ms", 10_f64.powi(power)) };
            svg.text("n", (left - 5.0, y + 3.5), "end", words);
        }
        let y = self.y(PROMISED_MS);
        svg.line("p", &[(left, y), (right, y)]);
        let bottom = self.corner.1 + RATES_TOP + RATES;
        svg.line("g", &[(left, bottom), (right, bottom)]);
        let per_second = self.most as f64 / STEP.as_secs_f64();
        svg.text("n", (left - 5.0, self.corner.1 + RATES_TOP + 8.0), "end", format!("{per_second:.0}/s"));
        svg.text("n", (left - 5.0, bottom), "end", "0");
        let mut second = 0.0;
        while second <= self.seconds {
            svg.text("n", (self.x(second), bottom + 13.0), "middle", format!("{second:.0} s"));
            second += 5.0;
        }
    }

    fn latencies(&self, svg: &mut Svg) {
        let mut median = Vec::new();
        for (x, step) in self.steps() {
            if let (Some(p50), Some(slowest)) = (step.p50_ms, step.slowest_ms) {
                median.push((x + self.step() / 2.0, self.y(p50)));
                svg.rect("x", (x + self.step() / 2.0 - 1.0, self.y(slowest) - 1.0), (2.0, 2.0));
            }
        }
        svg.line("m", &median);
    }

    fn rates(&self, svg: &mut Svg) {
        let bottom = self.corner.1 + RATES_TOP + RATES;
        let height = |answers: usize| bottom - RATES * answers as f64 / self.most as f64;
        let done: Vec<_> = self.steps().map(|(x, step)| (x, bottom, height(step.done))).collect();
        let unavailable = self.steps();
        let unavailable: Vec<_> = unavailable
            .map(|(x, step)| (x, height(step.done), height(step.done + step.unavailable)))
            .collect();
        svg.bars("d", self.step(), &done);
        svg.bars("u", self.step(), &unavailable);
    }

    /// The steps, and where they begin.
    fn steps(&self) -> impl Iterator<Item = (f64, &StepFigures)> {
        let steps = self.figures.steps.iter().enumerate();
        steps.map(|(index, step)| (self.x(index as f64 * STEP.as_secs_f64()), step))
    }

    fn step(&self) -> f64 {
        CHART.0 * STEP.as_secs_f64() / self.seconds
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.corner.0 + x, self.corner.1 + y)
    }

    fn x(&self, seconds: f64) -> f64 {
        self.corner.0 + LEFT + CHART.0 * seconds / self.seconds
    }

    /// On a logarithmic scale.
    fn y(&self, ms: f64) -> f64 {
        let (low, high) = (f64::from(POWERS.0), f64::from(POWERS.1));
        let part = (ms.log10().clamp(low, high) - low) / (high - low);
        self.corner.1 + LATENCY_TOP + CHART.1 * (1.0 - part)
    }
}
