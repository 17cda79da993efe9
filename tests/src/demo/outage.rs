//! Each outage that somebody caused: how long it was, what clients were told during it, and what the judge found
//! after it.

use crate::demo::score::{Totals, ms};
use crate::demo::slot::Moved;
use crate::demo::steps::Kind;
use crate::demo::trouble::Trouble;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// How many are remembered.
const KEPT: usize = 20;

/// One of them, as the page gets it. Counts are from its beginning until every wallet was judged after its end.
#[derive(Clone, Debug, Serialize)]
pub struct Outage {
    /// Its number, from 0 on.
    pub number: u64,
    /// What was broken.
    pub trouble: Trouble,
    /// The same in words.
    pub words: String,
    /// The slot that moves, if one does.
    pub moved: Option<Moved>,
    /// Since the start of the demo.
    pub began_ms: u64,
    /// None while it lasts.
    pub ended_ms: Option<u64>,
    /// How long the slowest answer took.
    pub slowest_ms: u64,
    /// The time from its end to the first success, if no bank could move money meanwhile.
    pub back_ms: Option<u64>,
    /// Every wallet was judged after its end.
    pub is_judged: bool,
    #[serde(flatten)]
    /// What came meanwhile.
    pub counts: Totals,
}

/// All that are remembered.
#[derive(Default)]
pub struct Outages {
    kept: VecDeque<Record>,
    next: u64,
}

struct Record {
    number: u64,
    trouble: Trouble,
    moved: Option<Moved>,
    began: Duration,
    ended: Option<Duration>,
    slowest: Duration,
    back: Option<Duration>,
    before: Totals,
    after: Option<Totals>,
}

impl Outages {
    /// Something is broken from now on.
    pub fn begins(&mut self, trouble: Trouble, at: Duration, before: Totals) {
        let (number, slowest) = (self.next, Duration::ZERO);
        self.next += 1;
        self.kept.push_back(Record {
            number,
            trouble,
            moved: None,
            began: at,
            ended: None,
            slowest,
            back: None,
            before,
            after: None,
        });
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    /// What is known about the slot that moves.
    pub fn moves(&mut self, moved: Moved) {
        let is_open = |record: &&mut Record| record.ended.is_none() && record.trouble == Trouble::Moves;
        if let Some(open) = self.kept.iter_mut().find(is_open) {
            open.moved = Some(moved);
        }
    }

    /// It is mended; its number.
    pub fn ends(&mut self, trouble: Trouble, at: Duration) -> Option<u64> {
        let open = self.kept.iter_mut().find(|record| record.ended.is_none() && record.trouble == trouble)?;
        open.ended = Some(at);
        Some(open.number)
    }

    /// Notes that every wallet was judged after its end.
    pub fn is_judged(&mut self, number: u64, totals: Totals) {
        let outage = self.kept.iter_mut().find(|record| record.number == number);
        if let Some(outage) = outage {
            outage.after = Some(totals);
        }
    }

    /// An answer, which counts for every outage that is not over.
    pub fn answered(&mut self, at: Duration, kind: Kind, took: Duration) {
        for record in self.kept.iter_mut().filter(|record| record.after.is_none()) {
            if kind != Kind::Silence {
                record.slowest = record.slowest.max(took);
            }
            if let Some(ended) = record.ended.filter(|_| kind == Kind::Done && record.trouble.is_total()) {
                record.back = record.back.or(Some(at.saturating_sub(ended)));
            }
        }
    }

    /// What is broken now.
    pub fn troubles(&self) -> Vec<Trouble> {
        let open = self.kept.iter().filter(|record| record.ended.is_none());
        open.map(|record| record.trouble).collect()
    }

    /// The outages that are remembered, newest first.
    pub fn newest(&self, now: Totals) -> Vec<Outage> {
        self.kept.iter().rev().map(|record| record.at(now)).collect()
    }
}

impl Record {
    fn words(&self) -> String {
        match self.moved {
            Some(Moved { slot, keys: None, .. }) => format!("Slot {slot} moves"),
            Some(Moved { slot, .. }) => format!("Slot {slot} moved"),
            None => self.trouble.words(),
        }
    }

    fn at(&self, now: Totals) -> Outage {
        Outage {
            number: self.number,
            trouble: self.trouble,
            words: self.words(),
            moved: self.moved,
            began_ms: ms(self.began),
            ended_ms: self.ended.map(ms),
            slowest_ms: ms(self.slowest),
            back_ms: self.back.map(ms),
            is_judged: self.after.is_some(),
            counts: self.after.unwrap_or(now).since(self.before),
        }
    }
}

impl Totals {
    /// What came after those.
    fn since(self, before: Self) -> Self {
        Self {
            answers: self.answers - before.answers,
            untouched: self.untouched - before.untouched,
            acknowledged: self.acknowledged - before.acknowledged,
            unknown: self.unknown - before.unknown,
            resolved: self.resolved - before.resolved,
            found: self.found - before.found,
            lost: self.lost - before.lost,
            doubled: self.doubled - before.doubled,
            broken: self.broken - before.broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outages;
    use crate::demo::score::Totals;
    use crate::demo::slot::Moved;
    use crate::demo::steps::Kind;
    use crate::demo::trouble::Trouble;
    use std::time::Duration;

    fn totals(answers: u64, lost: u64) -> Totals {
        Totals { answers, lost, ..Totals::default() }
    }

    #[test]
    fn an_outage_counts_from_its_begin_until_it_was_judged() {
        let [began, ended, back, later] = [1000, 4000, 4030, 5000].map(Duration::from_millis);
        let mut outages = Outages::default();
        outages.begins(Trouble::Killed, began, totals(10, 1));
        outages.answered(began, Kind::Unknown, Duration::from_millis(501));
        outages.answered(began, Kind::Done, Duration::from_millis(2));
        assert_eq!(outages.troubles(), [Trouble::Killed]);
        assert_eq!(outages.ends(Trouble::Hangs, ended), None);
        let number = outages.ends(Trouble::Killed, ended).unwrap();
        assert_eq!(outages.troubles(), []);
        outages.answered(back, Kind::Done, Duration::from_millis(2));
        outages.answered(later, Kind::Done, Duration::from_millis(2));
        let seen = &outages.newest(totals(90, 3))[0];
        assert_eq!((seen.counts.answers, seen.counts.lost, seen.is_judged), (80, 2, false));
        outages.is_judged(number, totals(100, 1));
        outages.answered(later, Kind::Done, Duration::from_secs(9));
        let seen = &outages.newest(totals(900, 9))[0];
        assert_eq!((seen.counts.answers, seen.counts.lost, seen.is_judged), (90, 0, true));
        assert_eq!((seen.slowest_ms, seen.back_ms), (501, Some(30)));
    }

    #[test]
    fn a_move_says_which_slot_went_and_with_how_many_keys() {
        let mut outages = Outages::default();
        outages.begins(Trouble::Moves, Duration::ZERO, totals(0, 0));
        let moves = Moved { slot: 7, to: 2, keys: None };
        let moved = Moved { keys: Some(31), ..moves };
        for (known, words) in [(moves, "Slot 7 moves"), (moved, "Slot 7 moved")] {
            outages.moves(known);
            let seen = &outages.newest(totals(0, 0))[0];
            assert_eq!((seen.words.as_str(), seen.moved), (words, Some(known)));
        }
    }
}
