//! The cache, against a server on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::tempdir;

use super::tests::{FILES, info, write};
use super::{Cache, Files};
use crate::Error;

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
