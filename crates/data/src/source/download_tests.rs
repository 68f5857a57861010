//! The cache, against a server on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::tempdir;

use super::download::download;
use super::tests::{FILES, info, write};
use super::{Cache, Files, archive};
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

/// A tape archive of a folder and two files in it.
fn tar() -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, kind, contents) in
        [("./x/", b'5', &b""[..]), ("./x/b.y", b'0', FILES[1].1), ("./x/a.x", b'0', FILES[0].1)]
    {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[156] = kind;
        tar.extend(header);
        tar.extend(contents);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(contents).unwrap();
    encoder.finish().unwrap()
}

fn zip() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, contents) in FILES {
        zip.start_file(format!("../x//{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(contents).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_file_in_an_archive_is_unpacked_and_checked() {
    let files =
        [("a.zip", zip()), ("a.tar.gz", gzip(&tar())), ("a.x.gz", gzip(FILES[0].1)), ("b.zip", gzip(b""))];
    let served: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let (root, server) = (tempdir().unwrap(), Server::start(&served));
    let path = root.path().join("sub/a.x");
    let info = info();
    let get = |what: &str| {
        let url = format!("{}/some-format/{what}", server.address);
        let missing = |problem| Error::MissingFiles { dataset: "made".into(), problem, wanted: vec![] };
        download(&url, &info.files[0], &path, |_| {}, missing)
    };
    for archive in ["a.zip!a.x", "a.tar.gz!a.x", "a.x.gz!a.x"] {
        assert_eq!(get(archive).unwrap(), FILES[0].1, "{archive}");
        assert_eq!(listing(root.path()), ["a.x"]);
        std::fs::remove_file(&path).unwrap();
    }
    for (archive, problem) in [
        ("a.zip!b.y", "21 bytes instead of 13"),
        ("a.zip!c", "it has no file c"),
        ("a.tar.gz!c", "it has no file c"),
        ("b.zip!a.x", "is not the published file"),
        ("none.zip!a.x", "could not be downloaded"),
    ] {
        let error = get(archive).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        assert_eq!(listing(root.path()), Vec::<String>::new());
    }
    let (zip, tar) = (zip(), gzip(&tar()));
    for length in 0..zip.len().max(tar.len()) {
        let _ = archive::member("a.zip", zip.get(..length).unwrap_or_default(), "a.x");
        assert!(
            archive::member("a.tar.gz", tar.get(..length).unwrap_or_default(), "a.x").is_err()
                || length >= tar.len()
        );
    }
}
