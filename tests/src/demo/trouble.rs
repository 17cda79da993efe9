//! The kinds of trouble, and the names that requests use for them.
//!
//! Redis has one trouble at a time; a bank may be killed beside it. A killed bank comes back by itself. Any other
//! trouble lasts until somebody ends it.

use serde::{Serialize, Serializer};

/// How many banks there are. The last of them reaches Redis through a proxy.
pub const BANKS: usize = 3;

/// One way in which something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Redis gets SIGKILL.
    Killed,
    /// Redis gets SIGSTOP: it takes connections and says nothing.
    Hangs,
    /// Redis holds more than `maxmemory`.
    Full,
    /// For one second in three, requests of the last bank are carried out, but the answers are lost on the way.
    Mute,
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
            ("end", trouble) if trouble.is_of_redis() => Some(Self::End(trouble)),
            _ => None,
        }
    }
}

impl Trouble {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_redis = [Self::Killed, Self::Hangs, Self::Full, Self::Mute];
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
            Self::Bank(index) => format!("bank-{}", index + 1),
        }
    }

    /// As people say it.
    pub fn words(self) -> String {
        match self {
            Self::Killed => "Redis killed".to_owned(),
            Self::Hangs => "Redis hangs".to_owned(),
            Self::Full => "Redis full".to_owned(),
            Self::Mute => "Answers lost".to_owned(),
            Self::Bank(index) => format!("Bank {} killed", index + 1),
        }
    }

    /// Whether Redis, or the way to it, is broken.
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
    fn every_trouble_can_be_begun_by_its_name_and_those_of_redis_ended() {
        for trouble in Trouble::all() {
            let name = trouble.name();
            assert_eq!(Action::read(&format!("/begin/{name}")), Some(Action::Begin(trouble)));
            let end = trouble.is_of_redis().then_some(Action::End(trouble));
            assert_eq!(Action::read(&format!("/end/{name}")), end);
        }
        assert_eq!(Action::read("/steal"), Some(Action::Steal));
    }

    #[test]
    fn nothing_else_is_an_action() {
        for path in
            ["/", "/begin", "/begin/", "/begin/bank-0", "/begin/bank-4", "/end/all", "/begin/killed/1"]
        {
            assert_eq!(Action::read(path), None, "{path}");
        }
    }
}
