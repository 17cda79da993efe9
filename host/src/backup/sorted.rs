//! Sorts many short texts and drops duplicates, in little memory. What does not fit goes into temporary files
//! without a name, which disappear with the process.

use anyhow::Context as _;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

/// How many bytes are kept in memory.
const IN_MEMORY: usize = 16 << 20;

/// Collects texts without line feeds.
pub struct Sorter {
    texts: Vec<Box<[u8]>>,
    bytes: usize,
    most: usize,
    runs: Vec<BufReader<File>>,
}

/// The texts, sorted.
pub struct Sorted {
    runs: Vec<SortedRun>,
    next: BinaryHeap<Reverse<(Box<[u8]>, usize)>>,
    last: Option<Box<[u8]>>,
}

enum SortedRun {
    Memory(std::vec::IntoIter<Box<[u8]>>),
    File(BufReader<File>),
}

impl Sorter {
    pub fn new() -> Self {
        Self::in_memory(IN_MEMORY)
    }

    fn in_memory(most: usize) -> Self {
        Self { texts: Vec::new(), bytes: 0, most, runs: Vec::new() }
    }

    /// Adds a text.
    pub fn push(&mut self, text: &[u8]) -> anyhow::Result<()> {
        // A box has a length and a pointer, and the allocator rounds up.
        self.bytes = self.bytes.saturating_add(text.len()).saturating_add(32);
        self.texts.push(text.into());
        if self.bytes < self.most {
            return Ok(());
        }
        let texts = self.in_order();
        self.runs.push(spill(&texts)?);
        Ok(())
    }

    /// All texts, in order.
    pub fn sorted(mut self) -> anyhow::Result<Sorted> {
        let mut runs = vec![SortedRun::Memory(self.in_order().into_iter())];
        runs.extend(self.runs.into_iter().map(SortedRun::File));
        let mut sorted = Sorted { runs, next: BinaryHeap::new(), last: None };
        for run in 0..sorted.runs.len() {
            sorted.refill(run)?;
        }
        Ok(sorted)
    }

    fn in_order(&mut self) -> Vec<Box<[u8]>> {
        let mut texts = std::mem::take(&mut self.texts);
        self.bytes = 0;
        texts.sort_unstable();
        texts.dedup();
        texts
    }
}

fn spill(texts: &[Box<[u8]>]) -> anyhow::Result<BufReader<File>> {
    let mut scratch = Scratch::new()?;
    for text in texts {
        scratch.0.write_all(text).and_then(|()| scratch.0.write_all(b"\n")).with_context(failure_context)?;
    }
    scratch.read()
}

/// Lines in a file without a name.
pub struct Scratch(BufWriter<File>);

impl Scratch {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(BufWriter::new(tempfile::tempfile().with_context(failure_context)?)))
    }

    pub fn push(&mut self, line: std::fmt::Arguments) -> anyhow::Result<()> {
        writeln!(self.0, "{line}").with_context(failure_context)
    }

    /// The file, from its first line.
    pub fn read(self) -> anyhow::Result<BufReader<File>> {
        let mut file =
            self.0.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(failure_context)?;
        file.seek(SeekFrom::Start(0)).with_context(failure_context)?;
        Ok(BufReader::new(file))
    }
}

fn failure_context() -> String {
    format!("cannot write a temporary file in {} (TMPDIR)", std::env::temp_dir().display())
}

impl Sorted {
    fn refill(&mut self, run: usize) -> std::io::Result<()> {
        let next = match self.runs.get_mut(run) {
            Some(SortedRun::Memory(texts)) => texts.next(),
            Some(SortedRun::File(file)) => line(file)?,
            None => None,
        };
        self.next.extend(next.map(|text| Reverse((text, run))));
        Ok(())
    }

    /// The next text.
    pub fn next(&mut self) -> anyhow::Result<Option<Box<[u8]>>> {
        while let Some(Reverse((text, run))) = self.next.pop() {
            self.refill(run)?;
            if self.last.as_ref() != Some(&text) {
                self.last = Some(text.clone());
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// The next texts, at most `most`; none at the end.
    pub fn next_up_to(&mut self, most: usize) -> anyhow::Result<Vec<Box<[u8]>>> {
        let mut some = Vec::new();
        while some.len() < most
            && let Some(text) = self.next()?
        {
            some.push(text);
        }
        Ok(some)
    }
}

fn line(file: &mut BufReader<File>) -> std::io::Result<Option<Box<[u8]>>> {
    let mut text = Vec::new();
    file.by_ref().read_until(b'\n', &mut text)?;
    Ok(text.pop().map(|_| text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(texts: &[&str], most: usize) -> Vec<String> {
        let mut sorter = Sorter::in_memory(most);
        for text in texts {
            sorter.push(text.as_bytes()).unwrap();
        }
        let mut sorted = sorter.sorted().unwrap();
        let all = sorted.next_up_to(usize::MAX).unwrap();
        all.into_iter().map(|text| String::from_utf8(text.into()).unwrap()).collect()
    }

    #[test]
    fn texts_come_back_in_order_and_once_wherever_they_were_kept() {
        let texts = ["b", "", "a:2", "a", "c", "b", "a\0", "a", "z", "b"];
        for most in [0, 60, 100, 1 << 20] {
            assert_eq!(sorted(&texts, most), ["", "a", "a\0", "a:2", "b", "c", "z"], "{most} bytes");
        }
        assert!(sorted(&[], 0).is_empty());
    }
}
