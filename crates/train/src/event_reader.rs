//! Reads the scalars of event files back, as [`EventWriter`](crate::EventWriter) and TensorBoard's other writers make them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Error, Result};

/// The curves of a run: for each tag the values by step.
pub type Scalars = BTreeMap<String, BTreeMap<u64, f64>>;

/// The scalars of all event files in `folder`, the older ones first. A run that was
/// resumed forgets what older files say of the step it begins with and later ones. A file that ends in the middle of a record, as that of a run under way may, is read up to there.
///
/// # Errors
/// If the folder or a file cannot be read, or there is no event file.
pub fn read_scalars(folder: &Path) -> Result<Scalars> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let is_event = |p: &Path| {
        p.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(crate::tensorboard::PREFIX.as_bytes()))
    };
    let mut files: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| is_event(p)).collect();
    // The names begin with the time.
    files.sort();
    if files.is_empty() {
        let expected = format!("a folder with event files ({}…)", crate::tensorboard::PREFIX);
        return Err(Error::invalid("folder", expected, format!("{} without any", folder.display())));
    }
    let mut scalars = Scalars::new();
    for file in files {
        let bytes = std::fs::read(&file).map_err(Error::io("read", &file))?;
        for event in records(&bytes) {
            read_event(event, &mut scalars);
        }
    }
    Ok(scalars)
}

/// The records of a file: length, checksum of the length, content, checksum of the content.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u64::from_le_bytes(bytes.first_chunk::<8>().copied()?);
        let length = usize::try_from(length).ok()?;
        let record = bytes.get(12..)?.get(..length)?;
        let checksum = bytes.get(12..)?.get(length..)?.first_chunk::<4>()?;
        if u32::from_le_bytes(*checksum) != crate::tensorboard::masked_crc(record) {
            return None;
        }
        bytes = bytes.get(16 + length..)?;
        Some(record)
    })
}

/// Event: step = 2, summary = 5, session_log = 7; Summary: value = 1; Value: tag = 1, simple_value = 2.
fn read_event(event: &[u8], scalars: &mut Scalars) {
    let (mut step, mut starts_again) = (0, false);
    let mut values = Vec::new();
    for (number, field) in fields(event) {
        match (number, field) {
            (2, Field::Varint(n)) => step = n,
            (7, Field::Bytes(_)) => starts_again = true,
            (5, Field::Bytes(summary)) => {
                for (_, value) in fields(summary).filter(|(number, _)| *number == 1) {
                    let Field::Bytes(value) = value else { continue };
                    let (mut tag, mut scalar) = (None, None);
                    for (number, field) in fields(value) {
                        match (number, field) {
                            (1, Field::Bytes(name)) => tag = std::str::from_utf8(name).ok(),
                            (2, Field::Fixed32(bits)) => scalar = Some(f32::from_bits(bits)),
                            _ => {}
                        }
                    }
                    values.extend(tag.zip(scalar));
                }
            }
            _ => {}
        }
    }
    if starts_again {
        scalars.values_mut().for_each(|curve| curve.retain(|&at, _| at < step));
    }
    for (tag, value) in values {
        scalars.entry(tag.to_string()).or_default().insert(step, f64::from(value));
    }
}

enum Field<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64,
    Bytes(&'a [u8]),
}

/// The fields of a protocol buffer, up to the first that is damaged.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let key = varint(&mut bytes)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut bytes)?),
            1 => {
                bytes = bytes.get(8..)?;
                Field::Fixed64
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (content, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Field::Bytes(content)
            }
            5 => {
                let bits = u32::from_le_bytes(*bytes.first_chunk::<4>()?);
                bytes = &bytes[4..];
                Field::Fixed32(bits)
            }
            _ => return None,
        };
        Some((key >> 3, field))
    })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::EventWriter;

    #[test]
    fn what_was_written_is_read_and_a_resumed_run_begins_where_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path(), 0).unwrap();
        for step in 0..200usize {
            writer.scalars(step, &[("loss", 1.0 / (1.0 + step as f64)), ("accuracy", 0.5)]).unwrap();
        }
        writer.flush().unwrap();
        let mut again = EventWriter::create(dir.path(), 150).unwrap();
        again.scalars(150, &[("loss", 7.0)]).unwrap();
        again.flush().unwrap();
        let scalars = read_scalars(dir.path()).unwrap();
        assert_eq!(scalars.keys().collect::<Vec<_>>(), ["accuracy", "loss"]);
        assert_eq!((scalars["loss"].len(), scalars["accuracy"].len()), (151, 150));
        assert_eq!((scalars["loss"][&3], scalars["loss"][&150], scalars["accuracy"][&149]), (0.25, 7.0, 0.5));

        // Half a record at the end, and a damaged one: what is before them counts.
        let bytes = std::fs::read(again.path()).unwrap();
        std::fs::write(again.path(), &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(read_scalars(dir.path()).unwrap()["loss"].len(), 150);
        let first = writer.path().to_path_buf();
        let mut bytes = std::fs::read(&first).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(&first, bytes).unwrap();
        let kept = read_scalars(dir.path()).unwrap()["loss"].len();
        assert!((50..150).contains(&kept), "{kept}");
    }

    #[test]
    fn a_folder_without_event_files_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_scalars(dir.path()).unwrap_err().to_string().contains("event files"));
        assert!(read_scalars(&dir.path().join("none")).is_err());
    }
}
