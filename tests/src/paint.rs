//! Colours for lines that a person reads: red for what cannot run and what failed, green for what passed.

use std::io::IsTerminal;

/// The text, in red where a person may be reading.
pub fn red(text: &str) -> String {
    in_colour(text, "31")
}

/// The same in green.
pub fn green(text: &str) -> String {
    in_colour(text, "32")
}

fn in_colour(text: &str, colour: &str) -> String {
    if std::io::stderr().is_terminal() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}
