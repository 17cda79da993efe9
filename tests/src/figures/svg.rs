//! A small SVG writer, enough for two charts.

use std::fmt::{Display, Write as _};

pub struct Svg(String);

impl Svg {
    /// A picture of this size; `label` is for those who cannot see it.
    pub fn new(width: f64, height: f64, label: &str, style: &str) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"{label}\">\n\
             <style>{style}</style>\n<rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>\n"
        ))
    }

    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let _ = writeln!(
            self.0,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }

    /// A line through the points.
    pub fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        }
        let _ = writeln!(self.0, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// Upright bars, as one path: where, from and to which height.
    pub fn bars(&mut self, class: &str, width: f64, bars: &[(f64, f64, f64)]) {
        let mut path = String::new();
        for (x, from, to) in bars.iter().filter(|(_, from, to)| from != to) {
            let _ = write!(path, "M{x:.1} {from:.1}V{to:.1}h{width:.1}V{from:.1}z");
        }
        let _ = writeln!(self.0, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// Adds markup as it is.
    pub fn raw(&mut self, text: &str) {
        self.0 += text;
        self.0.push('\n');
    }

    /// `anchor`: start, middle or end.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, text: impl Display) {
        let _ = writeln!(
            self.0,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    pub fn end(mut self) -> String {
        self.0 += "</svg>\n";
        self.0
    }
}
