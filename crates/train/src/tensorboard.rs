//! Event files that TensorBoard reads: scalars over epochs.
//!
//! The format is TensorFlow's: records of a length, its checksum, an `Event` protocol buffer and its checksum
//! (`tensorflow/core/lib/io/record_writer.h`, `tensorflow/core/util/event.proto`). We need four fields of it.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// What TensorBoard knows an event file by.
pub(crate) const PREFIX: &str = "events.out.tfevents.";
/// How long scalars may wait in memory.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// Writes scalars to an event file.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    out: BufWriter<File>,
    flushed: Instant,
}

impl EventWriter {
    /// Begins a new event file `events.out.tfevents.<seconds>.<process>.<n>` in `folder`, which is made if need be.
    ///
    /// Where `first_step` is above 0, as in a run that is resumed, TensorBoard is told to forget what older files in
    /// the folder say of that step and later ones.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub fn create(folder: &Path, first_step: usize) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let seconds = now() as u64;
        let mut n = 0;
        let (path, file) = loop {
            let name = format!("{PREFIX}{seconds:010}.{}.{n}", std::process::id());
            let path = folder.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => n += 1,
                Err(e) => return Err(Error::io("create", &path)(e)),
            }
        };
        let mut writer = Self { path, out: BufWriter::new(file), flushed: Instant::now() };
        // Event.file_version = 3
        writer.event(0, |event| bytes_field(event, 3, b"brain.Event:2"))?;
        if first_step > 0 {
            // Event.session_log = 7, SessionLog.status = 1, START = 1
            writer.event(first_step, |event| bytes_field(event, 7, &[1 << 3, 1]))?;
        }
        writer.flush()?;
        Ok(writer)
    }

    /// Removes all event files from `folder`: TensorBoard would draw them and those of a new run as one zigzag.
    pub(crate) fn remove_all(folder: &Path) -> Result<()> {
        let files = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
        for file in
            files.flatten().filter(|f| f.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        {
            std::fs::remove_file(file.path()).map_err(Error::io("remove", &file.path()))?;
        }
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the value of every tag at `step`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalars(&mut self, step: usize, values: &[(&str, f64)]) -> Result<()> {
        self.event(step, |event| {
            let mut summary = Vec::new();
            for (tag, value) in values {
                let mut v = Vec::new();
                bytes_field(&mut v, 1, tag.as_bytes()); // Value.tag = 1
                v.push(2 << 3 | 5); // Value.simple_value = 2, a float
                v.extend((*value as f32).to_le_bytes());
                bytes_field(&mut summary, 1, &v); // Summary.value = 1
            }
            bytes_field(event, 5, &summary); // Event.summary = 5
        })?;
        if self.flushed.elapsed() > FLUSH_AFTER {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands everything over to the system.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.flushed = Instant::now();
        self.out.flush().map_err(Error::io("write", &self.path))
    }

    fn event(&mut self, step: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut event = vec![1 << 3 | 1]; // Event.wall_time = 1, a double
        event.extend(now().to_le_bytes());
        event.push(2 << 3); // Event.step = 2, a varint
        varint(&mut event, step as u64);
        fill(&mut event);
        let length = (event.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&event);
        record.extend(masked_crc(&event).to_le_bytes());
        self.out.write_all(&record).map_err(Error::io("write", &self.path))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// A length-delimited field.
fn bytes_field(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// TFRecord's checksum: rotated and shifted, because a checksum of data that holds its own checksum is weak.
pub(crate) fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a file, their checksums checked.
    fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = bytes;
        let mut out = Vec::new();
        while !rest.is_empty() {
            let n = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked_crc(&rest[..8]).to_le_bytes());
            let data = &rest[12..12 + n];
            assert_eq!(rest[12 + n..16 + n], masked_crc(data).to_le_bytes());
            out.push(data.to_vec());
            rest = &rest[16 + n..];
        }
        out
    }

    /// The fields of a message: number, and value as bytes (a varint as eight of them).
    fn fields(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        fn read_varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let b = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(b & 0x7f) << shift;
                if b < 0x80 {
                    break;
                }
            }
            value
        }
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let key = read_varint(&mut bytes);
            let n = match key & 7 {
                0 => {
                    out.push(((key >> 3) as u8, read_varint(&mut bytes).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => read_varint(&mut bytes) as usize,
                5 => 4,
                kind => panic!("wire type {kind}"),
            };
            out.push(((key >> 3) as u8, bytes[..n].to_vec()));
            bytes = &bytes[n..];
        }
        out
    }

    /// The check value of CRC-32C, and TFRecord's mask worked out on it.
    #[test]
    fn checksum_known_answer() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5);
    }

    #[test]
    fn events_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), 300).unwrap();
        writer.scalars(300, &[("loss/train", 0.5), ("loss/val", -2.0)]).unwrap();
        writer.flush().unwrap();
        assert!(writer.path().file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
        let events: Vec<_> =
            records(&std::fs::read(writer.path()).unwrap()).iter().map(|r| fields(r)).collect();
        assert_eq!(events.len(), 3);
        assert_eq!(events[0][2], (3, b"brain.Event:2".to_vec()));
        assert_eq!(events[1][2], (7, vec![8, 1]));
        for event in &events[1..] {
            assert_eq!(event[0].0, 1);
            assert_eq!(event[1], (2, 300u64.to_le_bytes().to_vec()));
        }
        let values: Vec<_> = fields(&events[2][2].1).into_iter().map(|(n, v)| (n, fields(&v))).collect();
        let value =
            |tag: &str, v: f32| (1, vec![(1, tag.as_bytes().to_vec()), (2, v.to_le_bytes().to_vec())]);
        assert_eq!(values, [value("loss/train", 0.5), value("loss/val", -2.0)]);
    }

    #[test]
    fn a_second_file_does_not_overwrite_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = EventWriter::create(folder.path(), 0).unwrap();
        let second = EventWriter::create(folder.path(), 0).unwrap();
        assert_ne!(first.path(), second.path());
    }
}
