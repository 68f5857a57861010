//! Folder and cache, against files made here and a server on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tempfile::tempdir;

use super::*;
use crate::registry::{Counts, FileInfo, Format};
use crate::{Error, load};

const FILES: [(&str, &[u8]); 2] = [("a.x", b"contents of a"), ("b.y", b"contents of b, longer")];

fn info() -> DatasetInfo {
    let files = FILES.map(|(name, contents)| {
        let sha256 = checksum::hex(Sha256::new_with_prefix(contents)).leak();
        FileInfo { name, bytes: contents.len() as u64, sha256 }
    });
    DatasetInfo {
        name: "made",
        description: "",
        format: Format::Embedded,
        files: Box::leak(Box::new(files)),
        folder: "some-format",
        base_url: "https://example.org/data/",
        licence: "",
        citation: "",
        class_names: &[],
        counts: Counts { nodes: 0, edges: 0, features: 0, classes: 0, split: [0; 3] },
    }
}

fn write(folder: &Path, files: &[(&str, &[u8])]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, contents) in files {
        std::fs::write(folder.join(name), contents).unwrap();
    }
}

/// The names of everything in a folder, its sub-folders and so on.
fn listing(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(listing(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names.sort();
    names
}

/// A server of these paths; it notes what is asked of it.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: &[(&str, &[u8])]) -> Self {
        let answers: BTreeMap<String, Vec<u8>> =
            answers.iter().map(|(path, body)| (format!("/some-format/{path}"), body.to_vec())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = Self::answer(stream.unwrap(), &answers, &log);
            }
        });
        Self { address, asked }
    }

    fn answer(
        mut stream: TcpStream,
        answers: &BTreeMap<String, Vec<u8>>,
        log: &Mutex<Vec<String>>,
    ) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or(Ok(String::new()))?;
        for line in lines {
            if line?.is_empty() {
                break;
            }
        }
        let path = request.split(' ').nth(1).unwrap_or_default().to_string();
        let (status, body) = match answers.get(&path) {
            Some(body) => ("200 OK", body.as_slice()),
            None => ("404 Not Found", &b"no such file"[..]),
        };
        log.lock().unwrap().push(path);
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
        stream.write_all(body)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[test]
fn a_folder_is_searched_in_three_places() {
    for place in ["some-format", "made", ""] {
        let root = tempdir().unwrap();
        write(&root.path().join(place), &FILES);
        let read = Source::Folder(root.path().into()).read(&info()).unwrap();
        assert_eq!(read, FILES.map(|(_, contents)| contents.to_vec()));
    }
}

#[test]
fn what_a_folder_lacks_is_listed() {
    let root = tempdir().unwrap();
    write(root.path(), &FILES[..1]);
    let error = Source::Folder(root.path().into()).read(&info()).unwrap_err().to_string();
    assert!(error.contains("made: 1 of 2 files are neither in"), "{error}");
    assert!(error.contains("https://example.org/data/b.y"), "{error}");
    assert!(!error.contains("data/a.x"), "{error}");
    assert!(error.contains("--data DIR"), "{error}");
}

#[test]
fn a_damaged_file_in_a_folder_is_an_error() {
    let root = tempdir().unwrap();
    write(root.path(), &FILES);
    for (contents, problem) in [
        (&b"contents of A"[..], "is not the published file: SHA-256"),
        (b"contents", "8 bytes instead of 13"),
    ] {
        write(root.path(), &[("a.x", contents)]);
        let error = Source::Folder(root.path().into()).read(&info()).unwrap_err();
        assert!(matches!(error, Error::Checksum { .. }));
        let error = error.to_string();
        assert!(error.contains(problem) && error.contains("a.x"), "{error}");
    }
}

#[cfg(feature = "download")]
#[test]
fn the_cache_downloads_once() {
    let (root, server) = (tempdir().unwrap(), Server::start(&FILES));
    let reports = Arc::new(Mutex::new(Vec::new()));
    let log = reports.clone();
    let cache = Cache::at(root.path()).mirror(&server.address).on_progress(move |p| {
        log.lock().unwrap().push((p.file.to_string(), p.received, p.total));
    });
    for _ in 0..2 {
        assert_eq!(cache.read(&info()).unwrap(), FILES.map(|(_, contents)| contents.to_vec()));
        assert_eq!(server.asked(), 2);
    }
    assert_eq!(*reports.lock().unwrap(), [("a.x".into(), 13, 13), ("b.y".into(), 21, 21)]);
    assert_eq!(listing(root.path()), ["a.x", "b.y"]);

    // a damaged file is fetched again, and only that one
    write(&root.path().join("datasets/some-format"), &[("b.y", b"contents of b, l0nger")]);
    assert_eq!(cache.read(&info()).unwrap()[1], FILES[1].1);
    assert_eq!(server.asked(), 3);

    // from now on there need not be any network
    let offline = Cache::at(root.path()).mirror("http://127.0.0.1:1");
    assert_eq!(offline.read(&info()).unwrap()[0], FILES[0].1);
}

#[cfg(feature = "download")]
#[test]
fn another_file_is_not_kept() {
    for wrong in [&b"contents of A"[..], b"content", b"contents of a, and then some more"] {
        let (root, server) = (tempdir().unwrap(), Server::start(&[("a.x", wrong), FILES[1]]));
        let error = Cache::at(root.path()).mirror(&server.address).read(&info()).unwrap_err();
        assert!(matches!(error, Error::Checksum { .. }), "{error}");
        assert!(error.to_string().contains("a.x is not the published file"), "{error}");
        assert_eq!(listing(root.path()), Vec::<String>::new());
    }
}

#[cfg(feature = "download")]
#[test]
fn what_cannot_be_downloaded_is_listed() {
    // a server that lacks the second file
    let (root, server) = (tempdir().unwrap(), Server::start(&FILES[..1]));
    let error = Cache::at(root.path()).mirror(&server.address).read(&info()).unwrap_err().to_string();
    assert!(error.contains("b.y could not be downloaded") && error.contains("404"), "{error}");
    assert_eq!(listing(root.path()), ["a.x"], "what was downloaded stays");

    // no server: the port was free a moment ago
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let root = tempdir().unwrap();
    let cache = Cache::at(root.path()).mirror(format!("http://127.0.0.1:{port}/"));
    let error = cache.read(&info()).unwrap_err();
    assert!(matches!(error, Error::MissingFiles { .. }));
    let error = error.to_string();
    for part in [
        "made: http://127.0.0.1",
        "a.x could not be downloaded",
        "https://example.org/data/a.x",
        "data/b.y",
        "--data DIR",
    ] {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
    assert_eq!(listing(root.path()), Vec::<String>::new());
}

#[cfg(feature = "download")]
#[test]
fn a_connection_that_breaks_leaves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
            while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\ncont").unwrap();
        }
    });
    let root = tempdir().unwrap();
    let error = Cache::at(root.path()).mirror(address).read(&info()).unwrap_err();
    assert!(error.to_string().contains("a.x could not be downloaded"), "{error}");
    assert_eq!(listing(root.path()), Vec::<String>::new());
}

#[cfg(not(feature = "download"))]
#[test]
fn without_the_feature_only_the_cache_is_read() {
    let root = tempdir().unwrap();
    let error = Cache::at(root.path()).read(&info()).unwrap_err().to_string();
    assert!(error.contains("this build cannot download") && error.contains("data/b.y"), "{error}");
    write(&root.path().join("datasets/some-format"), &FILES);
    assert!(Cache::at(root.path()).read(&info()).is_ok());
}

#[test]
fn an_unknown_name_is_answered_with_near_ones() {
    let error = load("pumbed", &Source::Cache).unwrap_err().to_string();
    assert!(error.contains("\"pumbed\"; did you mean pubmed? known are karate, cora"), "{error}");
    let error = load("zzz", &Source::Cache).unwrap_err().to_string();
    assert!(error.contains("\"zzz\"; known are karate"), "{error}");
    assert_eq!(load("Karate", &Source::Cache).unwrap().name, "karate");
}
