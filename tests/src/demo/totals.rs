//! What has been counted since the demo began: answers, and what the judge found.

use serde::Serialize;

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Answers of any kind.
    pub answers: u64,
    /// 503s with `outcome: none`.
    pub untouched: u64,
    /// Deposits that were acknowledged.
    pub acknowledged: u64,
    /// Operations of which some try may have moved money: a 503 with `outcome: unknown`, or no answer.
    pub unknown: u64,
    /// How many of these a retry has resolved.
    pub resolved: u64,
    /// Acknowledged deposits that the judge has found.
    pub found: u64,
    /// Acknowledged deposits that are missing.
    pub lost: u64,
    /// Entries in excess.
    pub doubled: u64,
    /// Wallets that did not add up when they were read.
    pub broken: u64,
}

impl Totals {
    /// What was counted after `before`.
    pub fn since(self, before: Self) -> Self {
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
