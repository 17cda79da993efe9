//! `docs/demo.svg`: a recording, drawn like the page. Where animation is off, it shows the last frame.
//!
//! Numbers are on strips, one frame below the other, that move past a window. A curtain moves off the plot. There is no
//! script: it is an image, which a forge shows too.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "times and coordinates: nothing here is money"
)]

use crate::demo::film::plot::Plot;
use crate::demo::score::PageState;
use crate::demo::server::palette;
use crate::demo::slot::Moved;
use crate::demo::steps::STEP;
use crate::demo::trouble::Trouble;
use crate::figures::svg::Svg;
use std::fmt::{Display, Write as _};

mod plot;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 462.0;
const MARGIN: f64 = 16.0;
/// How many steps the last frame is shown before the film begins again.
const HOLD: usize = 8;
const TILES: (f64, f64, f64) = (84.0, 160.0, 76.0);
const BUTTONS: (f64, f64, f64) = (174.0, 99.0, 32.0);
/// How high a text is on its strip: a note, a sentence, a figure.
const STRIPS: [usize; 3] = [18, 24, 32];
const GAP: f64 = 8.0;
const STYLE: &str = include_str!("film/film.css");

/// The colours of the page, which an image cannot take from its stylesheets.
fn colours() -> String {
    let own = include_str!("page/demo.css").split_inclusive('}').next().unwrap_or_default();
    let (mut light, mut dark) = (String::new(), String::new());
    for line in palette().lines().chain(own.lines()) {
        let colour = line.trim().strip_prefix("--").and_then(|line| line.split_once(": light-dark("));
        let both = colour.and_then(|(name, both)| Some((name, both.strip_suffix(");")?.split_once(", ")?)));
        if let Some((name, (by_day, by_night))) = both {
            let _ = write!(light, "--{name}:{by_day};");
            let _ = write!(dark, "--{name}:{by_night};");
        }
    }
    format!(":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}")
}

/// The film of these states, one for each step.
pub fn of(states: &[PageState]) -> String {
    let label = "Redis is killed, hangs, its answers are lost, a bank is killed, a slot moves: nothing is lost, nothing is doubled.";
    let seconds = (states.len() + HOLD) as f64 * STEP.as_secs_f64();
    let film = Film { states, frames: states.len() + HOLD };
    let motion = film.motion(seconds);
    let (colours, end) = (colours(), film.end());
    let style = format!("{colours}{STYLE}{end}@media (prefers-reduced-motion:no-preference){{{motion}}}");
    let mut svg = Svg::new(WIDTH, HEIGHT, label, &style.replace('\n', ""));
    film.head(&mut svg);
    film.tiles(&mut svg);
    film.buttons(&mut svg);
    if let Some(last) = states.last() {
        Plot::of(last, states.len(), (MARGIN, 226.0, WIDTH - MARGIN, HEIGHT - 28.0)).draw(&mut svg);
        plot::legend(&mut svg, (MARGIN + 44.0, HEIGHT - 10.0));
    }
    svg.end()
}

struct Film<'a> {
    states: &'a [PageState],
    frames: usize,
}

/// A figure and its meaning.
struct Tile {
    name: &'static str,
    figure: fn(&PageState) -> u64,
    note: fn(&PageState) -> String,
    is_judged: bool,
}

impl Tile {
    const ALL: [Self; 5] = [
        Self::plain(
            "Answers a second",
            |state| state.per_second,
            |state| match state.waiting {
                0 => "nobody waits".to_owned(),
                waiting => format!("{waiting} are trying again"),
            },
        ),
        Self::plain("Deposits", |state| state.totals.acknowledged, |_| "acknowledged".to_owned()),
        Self::plain(
            "Unknown at first",
            |state| state.totals.unknown,
            |state| format!("{} resolved by a retry", state.totals.resolved),
        ),
        Self::judged(
            "Lost",
            |state| state.totals.lost,
            |state| format!("of {} looked for", grouped(state.totals.found)),
        ),
        Self::judged("Doubled", |state| state.totals.doubled, |_| "entries too many".to_owned()),
    ];

    const fn plain(
        name: &'static str,
        figure: fn(&PageState) -> u64,
        note: fn(&PageState) -> String,
    ) -> Self {
        Self { name, figure, note, is_judged: false }
    }

    const fn judged(
        name: &'static str,
        figure: fn(&PageState) -> u64,
        note: fn(&PageState) -> String,
    ) -> Self {
        Self { name, figure, note, is_judged: true }
    }
}

impl Film<'_> {
    /// The last frame, for where animation is off.
    fn end(&self) -> String {
        let end = |height| format!(".s{height}{{transform:translateY(-{}px)}}", height * (self.frames - 1));
        STRIPS.map(end).concat()
    }

    /// The animations.
    fn motion(&self, seconds: f64) -> String {
        let frames = self.frames;
        let end = 100.0 * self.states.len() as f64 / frames as f64;
        let mut css = format!(
            ".curtain{{animation:c {seconds}s linear infinite}}\
             @keyframes c{{from{{transform:none}}{end:.2}%,to{{transform:translateX({WIDTH}px)}}}}"
        );
        for height in STRIPS {
            let _ = write!(
                css,
                ".s{height}{{animation:s{height} {seconds}s steps({frames}) infinite}}\
                 @keyframes s{height}{{from{{transform:none}}to{{transform:translateY(-{}px)}}}}",
                height * frames
            );
        }
        for trouble in Trouble::all() {
            let name = trouble.name();
            let _ = write!(
                css,
                ".{name}{{animation:{name} {seconds}s step-end infinite}}@keyframes {name}{{from{{opacity:0}}"
            );
            for (index, is_broken) in self.changes(trouble) {
                let at = 100.0 * index as f64 / frames as f64;
                let _ = write!(css, "{at:.2}%{{opacity:{}}}", u8::from(is_broken));
            }
            css += "}";
        }
        css
    }

    /// The frames at which something is broken or mended.
    fn changes(&self, trouble: Trouble) -> Vec<(usize, bool)> {
        let mut was_broken = false;
        let seen = self.states.iter().map(|state| state.troubles.contains(&trouble)).enumerate();
        seen.filter(|(_, is_broken)| std::mem::replace(&mut was_broken, *is_broken) != *is_broken).collect()
    }

    fn head(&self, svg: &mut Svg) {
        svg.raw(
            "<rect class=\"mark\" x=\"16\" y=\"12\" width=\"24\" height=\"24\" rx=\"7\"/>\
             <path class=\"m\" d=\"M21.1 29.1v-9l3.9 5.1 3-6 3 6 3.9-5.1v9\"/>",
        );
        svg.text("t b", (50.0, 30.0), "start", "Break it. The money stays right.");
        let clients = self.states.first().map_or(0, |state| state.clients);
        let words = format!("{clients} clients, three banks, a Redis Cluster of two");
        svg.text("n", (WIDTH - MARGIN, 29.0), "end", words);
        self.strip(svg, (MARGIN, 48.0, WIDTH - 2.0 * MARGIN), STRIPS[1], "w", sentence);
    }

    fn tiles(&self, svg: &mut Svg) {
        let (top, width, height) = TILES;
        for (index, tile) in Tile::ALL.iter().enumerate() {
            let x = MARGIN + index as f64 * (width + 12.0);
            svg.rect("tile", (x, top), (width, height));
            svg.text("n", (x + 12.0, top + 18.0), "start", tile.name);
            let class = if tile.is_judged { "f g" } else { "f" };
            let figure = |state: &PageState| grouped((tile.figure)(state));
            self.strip(svg, (x + 12.0, top + 22.0, width - 16.0), STRIPS[2], class, figure);
            self.strip(svg, (x + 12.0, top + 54.0, width - 16.0), STRIPS[0], "n", tile.note);
        }
    }

    fn buttons(&self, svg: &mut Svg) {
        let (top, width, height) = BUTTONS;
        for (index, trouble) in Trouble::all().enumerate() {
            let x = MARGIN + index as f64 * (width + GAP);
            let [begin, end] = labels(trouble);
            svg.rect("button", (x, top), (width, height));
            svg.text("l", (x + width / 2.0, top + 20.5), "middle", begin);
            svg.raw(&format!("<g class=\"pressed {}\">", trouble.name()));
            svg.rect("broken", (x, top), (width, height));
            svg.text("l", (x + width / 2.0, top + 20.5), "middle", end);
            svg.raw("</g>");
        }
    }

    /// A window with this place and size, and behind it one text for each frame.
    fn strip(
        &self,
        svg: &mut Svg,
        (x, y, width): (f64, f64, f64),
        height: usize,
        class: &str,
        say: impl Fn(&PageState) -> String,
    ) {
        svg.raw(&format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><g class=\"s{height}\">"
        ));
        let last = self.states.last().into_iter().cycle();
        for (index, state) in self.states.iter().chain(last).take(self.frames).enumerate() {
            svg.text(class, (0.0, height as f64 * (index as f64 + 0.75)), "start", say(state));
        }
        svg.raw("</g></svg>");
    }
}

/// The labels of a button: normally, and while its trouble lasts.
fn labels(trouble: Trouble) -> [String; 2] {
    match trouble {
        Trouble::Killed => ["Kill Redis", "Start Redis"].map(str::to_owned),
        Trouble::Hangs => ["Hang Redis", "Let it go on"].map(str::to_owned),
        Trouble::Full => ["Fill Redis", "Empty it"].map(str::to_owned),
        Trouble::Mute => ["Lose answers", "Lose no more"].map(str::to_owned),
        Trouble::Moves => ["Move a slot", "A slot moves"].map(str::to_owned),
        Trouble::Bank(index) => [format!("Kill bank {}", index + 1), format!("Bank {} is dead", index + 1)],
    }
}

/// One sentence about a state.
fn sentence(state: &PageState) -> String {
    let Some(last) = state.outages.first() else {
        return "Clients deposit 1.00 again and again, each under an idempotency key.".to_owned();
    };
    if !state.troubles.is_empty() {
        return format!(
            "{}. Whoever gets a 503, or nothing, sends the same again under the same key.",
            last.words
        );
    }
    if !last.is_judged {
        return "Mended. Now every wallet is read, and held against what its client was told.".to_owned();
    }
    if let Some(Moved { slot, to, keys: Some(keys), .. }) = last.moved {
        return format!(
            "Slot {slot} moved to Redis {to} with {keys} keys: nothing was lost, nothing was doubled."
        );
    }
    let seconds = last.ended_ms.unwrap_or_default().saturating_sub(last.began_ms) as f64 / 1e3;
    format!("{}, for {seconds:.1} s: nothing was lost, nothing was doubled.", last.words)
}

/// `12345` as `12,345`.
fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{STYLE, colours, grouped};

    #[test]
    fn thousands_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn every_colour_of_the_film_is_one_of_the_page_by_day_and_by_night() {
        let colours = colours();
        let used = STYLE.split("var(--").skip(1).filter_map(|rest| rest.split(')').next());
        for name in used {
            assert_eq!(colours.matches(&format!("--{name}:#")).count(), 2, "{name}: {colours}");
        }
    }
}
