//! Fuzz targets: a file may have any bytes. Nothing panics, what is refused counts for nothing, and what is
//! accepted reads the same after it was written again. Each target is a test of its corpus (`__fuzz__`), and what
//! `make fuzz` starts from.

use crate::item::{self, StoredValue};
use crate::line::Line;
use crate::reading::{ExportError, ExportReader};
use crate::totals::Totals;

corpus::targets! {
    lines: line,
    files: file,
    bodies: body,
}

fn line(bytes: &[u8]) {
    let Ok(read) = Line::decode(bytes) else { return };
    let written = read.encode();
    assert_eq!(written.iter().position(|byte| *byte == b'\n'), Some(written.len() - 1), "it is one line");
    assert_eq!(Line::decode(&written).as_ref(), Ok(&read));
    for item in item::items(&read) {
        assert!(item.key.starts_with("bank:{"), "{}", item.key);
        assert_ne!(item.value, StoredValue::Document(Vec::new()), "{}", item.key);
    }
}

/// A whole file. If it is sound, it is written again as it was read, except for the spelling of its JSON.
fn file(bytes: &[u8]) {
    let Ok(lines) = read(bytes) else { return };
    assert!(read(&bytes[..bytes.len() - 1]).is_err(), "it can be cut off");
    assert!(read(&[bytes, b"\n"].concat()).is_err(), "something can be added");
    check_rewritten(&lines);
}

fn read(bytes: &[u8]) -> Result<Vec<Line>, ExportError> {
    let mut reading = ExportReader::new();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| reading.line(line)).collect();
    reading.finish()?;
    lines
}

/// Bad lines are skipped, as in `bank verify --all`, and the totals are computed here: the fuzzer need not guess a
/// checksum.
fn body(bytes: &[u8]) {
    let mut reading = ExportReader::new();
    let mut taken = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let before = (reading.totals().clone(), reading.sha256());
        match reading.line(line) {
            Ok(Line::Totals(_) | Line::End(_)) => return,
            Ok(line) => taken.push(line),
            Err(_) => assert_eq!((reading.totals(), reading.sha256()), (&before.0, before.1)),
        }
    }
    let sums = reading.sums("now".to_owned());
    let outcome = reading.line(&sums.encode()).map(|_| reading.totals().clone());
    assert_eq!(again(&taken), outcome, "a line that was refused counts");
    if outcome.is_ok() {
        check_rewritten(&taken);
    }
}

/// The totals of these lines, preceded by the line that is needed for them.
fn again(lines: &[Line]) -> Result<Totals, ExportError> {
    let mut reading = ExportReader::new();
    for line in lines {
        reading.line(&line.encode())?;
    }
    let sums = reading.sums("now".to_owned());
    reading.line(&sums.encode())?;
    Ok(reading.totals().clone())
}

fn check_rewritten(lines: &[Line]) {
    let mut reading = ExportReader::new();
    let mut file = Vec::new();
    let mut write = |reading: &mut ExportReader, line: &Line| {
        file.extend(line.encode());
        assert_eq!(reading.line(&line.encode()).as_ref(), Ok(line));
    };
    let body = || lines.iter().filter(|line| !matches!(line, Line::Totals(_) | Line::End(_)));
    for line in body() {
        write(&mut reading, line);
    }
    let sums = reading.sums("now".to_owned());
    write(&mut reading, &sums);
    let end = reading.end();
    write(&mut reading, &end);
    let read = read(&file).unwrap();
    assert!(read.iter().zip(body()).all(|(read, line)| read == line));
    assert_eq!(read.len(), body().count() + 2);
}
