//! Damaged files of every kind, which a reader must answer with an error or with data that holds together.

use candle_geometric_data::Result;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bodies;
use super::corpus::seed;

/// What stands in a number's place: none of it may be believed.
const WRONG: [&str; 12] = [
    "-1",
    "-9223372036854775809",
    "4294967295",
    "99999999999999999999",
    "NaN",
    "inf",
    "1e999",
    "",
    "x",
    "0",
    "\u{1F980}",
    "\"",
];

/// Hands damaged versions of `files` to the body of this name, which may not panic.
///
/// Each file is cut at every length, emptied, given other separators and ends of lines, has every word replaced by numbers
/// that make no sense, and has random bytes changed, put in and taken out. With `UPDATE_CORPUS=1` the undamaged files also
/// go to the corpus of the fuzz target.
pub(crate) fn hostile(name: &str, files: &[Vec<u8>]) {
    let run = bodies::find(name).run;
    run(files).expect("the undamaged files are read");
    seed(name, files);
    let with = |file: usize, contents: Vec<u8>| {
        let mut damaged = files.to_vec();
        damaged[file] = contents;
        let _ = run(&damaged);
    };
    for (f, contents) in files.iter().enumerate() {
        for length in 0..contents.len() {
            with(f, contents[..length].to_vec());
        }
        with(f, [b"\xff\xfe", contents.as_slice()].concat());
        if let Ok(text) = std::str::from_utf8(contents) {
            for (from, to) in
                [("\t", " "), (" ", "\t"), (",", ";"), ("\n", "\r"), ("\n", "\n\n"), ("\n", " ")]
            {
                with(f, text.replace(from, to).into_bytes());
            }
            for (start, end) in words(text) {
                for wrong in WRONG {
                    with(f, format!("{}{wrong}{}", &text[..start], &text[end..]).into_bytes());
                }
            }
        }
    }
    let file = 0..files.len();
    let edit = (file, any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    let config = Config { cases: 512, failure_persistence: None, ..Config::default() };
    let edited = TestRunner::new(config).run(&prop::collection::vec(edit, 1..6), |edits| {
        let mut damaged = files.to_vec();
        for (file, place, byte, kind) in edits {
            let contents = &mut damaged[file];
            let place = place.index(contents.len() + 1);
            match kind {
                0 => contents.insert(place, byte),
                1 if place < contents.len() => contents[place] = byte,
                _ if place < contents.len() => drop(contents.remove(place)),
                _ => {}
            }
        }
        let _ = run(&damaged);
        Ok(())
    });
    edited.unwrap();
}

/// Text files with the ends of lines of Windows, a byte order mark, and no end of the last line are the same files.
pub(crate) fn windows<T: PartialEq + std::fmt::Debug>(
    files: &[Vec<u8>],
    parse: impl Fn(&[Vec<u8>]) -> Result<T>,
) {
    let plain = parse(files).unwrap();
    let all = |edit: fn(&str) -> String| {
        let edit = |contents: &Vec<u8>| {
            std::str::from_utf8(contents).map_or(contents.clone(), |t| edit(t).into_bytes())
        };
        files.iter().map(edit).collect::<Vec<_>>()
    };
    assert_eq!(parse(&all(|text| text.replace('\n', "\r\n"))).unwrap(), plain);
    assert_eq!(parse(&all(|text| format!("\u{feff}{text}"))).unwrap(), plain);
    assert_eq!(parse(&all(|text| text.trim_end_matches('\n').to_string())).unwrap(), plain);
    assert_eq!(parse(&all(|text| format!("{text}\n"))).unwrap(), plain);
}

/// Where the words of a text begin and end.
fn words(text: &str) -> Vec<(usize, usize)> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let mut words = Vec::new();
    let mut start = None;
    for (i, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (inside(c), start) {
            (true, None) => start = Some(i),
            (false, Some(s)) => {
                words.push((s, i));
                start = None;
            }
            _ => {}
        }
    }
    words
}
