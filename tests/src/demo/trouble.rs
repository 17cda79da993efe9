//! The kinds of trouble, and the names that requests use for them.
//!
//! Redis has one trouble at a time; a bank may be killed at the same time. A killed bank comes back by itself, and
//! the move of a slot ends by itself. Any other trouble lasts until somebody ends it.

use crate::demo::slot::Moved;
use serde::{Serialize, Serializer};

/// How many banks there are.
pub const BANKS: usize = 3;

/// One way in which something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Both nodes of Redis get SIGKILL.
    Killed,
    /// They get SIGSTOP: they accept connections and answer nothing.
    Hangs,
    /// They hold more than `maxmemory`.
    Full,
    /// For one second in three, the second node carries out what banks ask, but the answers are lost on the way.
    Mute,
    /// The slot of a wallet moves from one node to the other.
    Moves,
    /// A bank gets SIGKILL.
    Bank(usize),
}

/// What the page may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Breaks something.
    Begin(Trouble),
    /// Mends it.
    End(Trouble),
    /// Starts a killed bank again; only the demo itself orders this.
    Restart(usize),
    /// Ends a move; only the demo itself orders this.
    Moved(Moved),
    /// Removes a wallet from Redis, which the judge must notice.
    Steal,
}

impl Action {
    /// The action that a path names.
    pub fn read(path: &str) -> Option<Self> {
        if path == "/steal" {
            return Some(Self::Steal);
        }
        let (verb, name) = path.strip_prefix('/')?.split_once('/')?;
        match (verb, Trouble::read(name)?) {
            ("begin", trouble) => Some(Self::Begin(trouble)),
            ("end", trouble) if !trouble.ends_by_itself() => Some(Self::End(trouble)),
            _ => None,
        }
    }
}

impl Trouble {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_redis = [Self::Killed, Self::Hangs, Self::Full, Self::Mute, Self::Moves];
        of_redis.into_iter().chain((0..BANKS).map(Self::Bank))
    }

    fn read(name: &str) -> Option<Self> {
        Self::all().find(|trouble| trouble.name() == name)
    }

    /// Its name in paths, and in the page's state.
    pub fn name(self) -> String {
        match self {
            Self::Killed => "killed".to_owned(),
            Self::Hangs => "hangs".to_owned(),
            Self::Full => "full".to_owned(),
            Self::Mute => "mute".to_owned(),
            Self::Moves => "moves".to_owned(),
            Self::Bank(index) => format!("bank-{}", index + 1),
        }
    }

    /// Its name on the page.
    pub fn words(self) -> String {
        match self {
            Self::Killed => "Redis killed".to_owned(),
            Self::Hangs => "Redis hangs".to_owned(),
            Self::Full => "Redis full".to_owned(),
            Self::Mute => "Answers lost".to_owned(),
            Self::Moves => "A slot moves".to_owned(),
            Self::Bank(index) => format!("Bank {} killed", index + 1),
        }
    }

    /// Whether it ends by itself.
    pub fn ends_by_itself(self) -> bool {
        matches!(self, Self::Moves | Self::Bank(_))
    }

    /// Whether it concerns Redis, or the way to it.
    pub fn is_of_redis(self) -> bool {
        !matches!(self, Self::Bank(_))
    }

    /// Whether no bank can move money meanwhile.
    pub fn is_total(self) -> bool {
        matches!(self, Self::Killed | Self::Hangs | Self::Full)
    }
}

impl Serialize for Trouble {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Trouble};

    #[test]
    fn every_trouble_can_be_begun_by_its_name_and_ended_unless_it_ends_by_itself() {
        for trouble in Trouble::all() {
            let name = trouble.name();
            assert_eq!(Action::read(&format!("/begin/{name}")), Some(Action::Begin(trouble)));
            let end = (!trouble.ends_by_itself()).then_some(Action::End(trouble));
            assert_eq!(Action::read(&format!("/end/{name}")), end);
        }
        assert_eq!(Action::read("/steal"), Some(Action::Steal));
    }

    #[test]
    fn nothing_else_is_an_action() {
        for path in [
            "/",
            "/begin",
            "/begin/",
            "/begin/bank-0",
            "/begin/bank-4",
            "/end/all",
            "/end/moves",
            "/begin/killed/1",
        ] {
            assert_eq!(Action::read(path), None, "{path}");
        }
    }
}
