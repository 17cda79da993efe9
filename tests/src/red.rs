//! Prints in red what cannot run: one line with what is missing and what to do.

use std::io::IsTerminal;

/// The line, in red where a person may be reading.
pub fn line(text: &str) -> String {
    paint(text, "31")
}

/// The same in green.
pub fn green(text: &str) -> String {
    paint(text, "32")
}

fn paint(text: &str, colour: &str) -> String {
    if std::io::stderr().is_terminal() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}
