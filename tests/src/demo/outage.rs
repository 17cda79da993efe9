//! Each outage that somebody caused: how long it lasted, what clients were told during it, and what the judge found
//! after it.

use crate::demo::slot::Moved;
use crate::demo::steps::{TryOutcome, whole_ms};
use crate::demo::totals::Totals;
use crate::demo::trouble::Trouble;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// How many outages are remembered.
const MOST_KEPT: usize = 20;

/// An outage, as the page gets it. Its counts run from its beginning until every wallet was judged after its end.
#[derive(Clone, Debug, Serialize)]
pub struct Outage {
    /// Its number, from 0 on.
    pub number: u64,
    /// What was broken.
    pub trouble: Trouble,
    /// The trouble in words.
    pub words: String,
    /// The slot that moves, if one does.
    pub moved: Option<Moved>,
    /// Since the start of the demo.
    pub began_ms: u64,
    /// `None` while it lasts.
    pub ended_ms: Option<u64>,
    /// How long the slowest answer took.
    pub slowest_ms: u64,
    /// The time from its end to the first success, if no bank could move money during it.
    pub back_ms: Option<u64>,
    /// Whether every wallet was judged after its end.
    pub is_judged: bool,
    /// What was counted during it.
    #[serde(flatten)]
    pub counts: Totals,
}

/// All outages that are remembered.
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
    /// Begins an outage.
    pub fn begin(&mut self, trouble: Trouble, at: Duration, before: Totals) {
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
        if self.kept.len() > MOST_KEPT {
            self.kept.pop_front();
        }
    }

    /// Notes what is known about the slot that moves.
    pub fn note_move(&mut self, moved: Moved) {
        let is_open = |record: &&mut Record| record.ended.is_none() && record.trouble == Trouble::Moves;
        if let Some(open) = self.kept.iter_mut().find(is_open) {
            open.moved = Some(moved);
        }
    }

    /// Ends the outage with this trouble, and returns its number.
    pub fn end(&mut self, trouble: Trouble, at: Duration) -> Option<u64> {
        let open = self.kept.iter_mut().find(|record| record.ended.is_none() && record.trouble == trouble)?;
        open.ended = Some(at);
        Some(open.number)
    }

    /// Notes that every wallet was judged after the end of this outage.
    pub fn note_judged(&mut self, number: u64, totals: Totals) {
        let outage = self.kept.iter_mut().find(|record| record.number == number);
        if let Some(outage) = outage {
            outage.after = Some(totals);
        }
    }

    /// Counts an answer for every outage that is not judged yet.
    pub fn note_answer(&mut self, at: Duration, outcome: TryOutcome, took: Duration) {
        for record in self.kept.iter_mut().filter(|record| record.after.is_none()) {
            if outcome != TryOutcome::Silence {
                record.slowest = record.slowest.max(took);
            }
            if let Some(ended) =
                record.ended.filter(|_| outcome == TryOutcome::Done && record.trouble.is_total())
            {
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
            Some(Moved { slot, has_failed: true, .. }) => format!("Slot {slot} did not move"),
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
            began_ms: whole_ms(self.began),
            ended_ms: self.ended.map(whole_ms),
            slowest_ms: whole_ms(self.slowest),
            back_ms: self.back.map(whole_ms),
            is_judged: self.after.is_some(),
            counts: self.after.unwrap_or(now).since(self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outages;
    use crate::demo::slot::Moved;
    use crate::demo::steps::TryOutcome;
    use crate::demo::totals::Totals;
    use crate::demo::trouble::Trouble;
    use std::time::Duration;

    fn totals(answers: u64, lost: u64) -> Totals {
        Totals { answers, lost, ..Totals::default() }
    }

    #[test]
    fn an_outage_counts_from_its_begin_until_it_was_judged() {
        let [began, ended, back, later] = [1000, 4000, 4030, 5000].map(Duration::from_millis);
        let mut outages = Outages::default();
        outages.begin(Trouble::Killed, began, totals(10, 1));
        outages.note_answer(began, TryOutcome::Unknown, Duration::from_millis(501));
        outages.note_answer(began, TryOutcome::Done, Duration::from_millis(2));
        assert_eq!(outages.troubles(), [Trouble::Killed]);
        assert_eq!(outages.end(Trouble::Hangs, ended), None);
        let number = outages.end(Trouble::Killed, ended).unwrap();
        assert_eq!(outages.troubles(), []);
        outages.note_answer(back, TryOutcome::Done, Duration::from_millis(2));
        outages.note_answer(later, TryOutcome::Done, Duration::from_millis(2));
        let seen = &outages.newest(totals(90, 3))[0];
        assert_eq!((seen.counts.answers, seen.counts.lost, seen.is_judged), (80, 2, false));
        outages.note_judged(number, totals(100, 1));
        outages.note_answer(later, TryOutcome::Done, Duration::from_secs(9));
        let seen = &outages.newest(totals(900, 9))[0];
        assert_eq!((seen.counts.answers, seen.counts.lost, seen.is_judged), (90, 0, true));
        assert_eq!((seen.slowest_ms, seen.back_ms), (501, Some(30)));
    }

    #[test]
    fn a_move_names_its_slot_and_whether_it_has_moved() {
        let mut outages = Outages::default();
        outages.begin(Trouble::Moves, Duration::ZERO, totals(0, 0));
        let moves = Moved { slot: 7, to: 2, keys: None, has_failed: false };
        let moved = Moved { keys: Some(31), ..moves };
        let failed = Moved { has_failed: true, ..moves };
        for (known, words) in
            [(moves, "Slot 7 moves"), (moved, "Slot 7 moved"), (failed, "Slot 7 did not move")]
        {
            outages.note_move(known);
            let seen = &outages.newest(totals(0, 0))[0];
            assert_eq!((seen.words.as_str(), seen.moved), (words, Some(known)));
        }
    }
}
