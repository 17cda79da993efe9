//! A store that is being read, and what every part of the walk does with it: writes lines, and reports.

use super::super::reporter::Reporter;
use super::super::store::WholeStore;
use crate::exit::ExitError;
use backup::{ExportError, ExportReader, Line};

/// How many breaks are named.
const MOST_NAMED: u64 = 10;

/// Where lines go.
pub type LineSink<'a> = dyn FnMut(&[u8]) -> anyhow::Result<()> + 'a;

/// What happens to what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A break ends the walk.
    Export,
    /// Reports breaks, and compares the index with the entries.
    Verify,
}

/// A store that is being read.
pub struct Walk<'a> {
    pub store: WholeStore,
    pub mode: Mode,
    out: &'a mut LineSink<'a>,
    pub reading: ExportReader,
    pub broken: u64,
    pub progress: Reporter,
}

impl<'a> Walk<'a> {
    pub fn new(store: WholeStore, mode: Mode, out: &'a mut LineSink<'a>) -> Self {
        Self { store, mode, out, reading: ExportReader::new(), broken: 0, progress: Reporter::new() }
    }

    /// Writes a line, after checking it by the rules by which it will be read.
    pub fn emit(&mut self, line: &Line) -> anyhow::Result<()> {
        let bytes = line.encode();
        match self.reading.line(&bytes) {
            Ok(_) => (self.out)(&bytes),
            Err(broken) => self.report_broken(&broken),
        }
    }

    /// Reports something broken, which ends an export.
    pub fn report_broken(&mut self, what: &dyn std::fmt::Display) -> anyhow::Result<()> {
        if self.mode == Mode::Export {
            let why = format!("{what}. Nothing was exported; `bank verify --all` says what else is broken");
            return Err(ExitError::Broken(why).into());
        }
        self.broken = self.broken.saturating_add(1);
        if self.broken <= MOST_NAMED {
            eprintln!("broken: {what}");
        }
        Ok(())
    }

    pub fn report_unsound(&mut self, of: String, what: &'static str) -> anyhow::Result<()> {
        self.report_broken(&ExportError::Unsound { of, what })
    }

    pub fn report_progress(&mut self) {
        let (totals, progress) = (self.reading.totals(), &mut self.progress);
        progress.report(|| format!("{} wallets, {} entries read", totals.wallets, totals.entries()));
    }
}
