//! Models from the Hub, which here is a server on the loopback interface.
#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use candle_core::Device;
use candle_geometric_models::from_pretrained;
use candle_geometric_models::zoo::{CatalogEntry, Hub};
use serde_json::json;
use support::{config_json, weights};

type Files = BTreeMap<String, Vec<u8>>;

/// A hub that serves the files of one repository, and notes what it was asked for.
struct Server {
    endpoint: String,
    files: Arc<Mutex<Files>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { endpoint, files: Arc::new(Mutex::new(files)), requests: Arc::default() };
        let (files, requests) = (server.files.clone(), server.requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (files, requests) = (files.clone(), requests.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    while let Some(path) = request(&mut stream) {
                        requests.lock().unwrap().push(path.clone());
                        answer(&mut stream, files.lock().unwrap().get(&path));
                    }
                });
            }
        });
        server
    }

    fn hub(&self, cache: &Path, offline: bool) -> Hub {
        Hub { endpoint: self.endpoint.clone(), cache: cache.to_path_buf(), offline }
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// The path of the next request, or none at the end of the connection.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_string();
    lines.find(|line| line.is_empty())?;
    Some(path)
}

fn answer(stream: &mut TcpStream, file: Option<&Vec<u8>>) {
    let Some(body) = file else {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        return;
    };
    let n = body.len();
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nETag: \"{n}\"\r\nX-Repo-Commit: c0ffee\r\nContent-Length: {n}\r\n\
         Content-Range: bytes 0-{}/{n}\r\n\r\n",
        n - 1
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap_or(());
}

const REPO: &str = "somebody/gat";

fn url(file: &str) -> String {
    format!("/{REPO}/resolve/main/{file}")
}

fn repository() -> Files {
    let weights = weights(|_| ());
    let config = config_json(&weights).to_string().into_bytes();
    [(url("config.json"), config), (url("model.safetensors"), weights)].into()
}

#[test]
fn a_repository_is_downloaded_once_and_then_used_offline() {
    let server = Server::start(repository());
    let cache = tempfile::tempdir().unwrap();
    let folder = server.hub(cache.path(), false).fetch(REPO, None).unwrap();
    assert!(from_pretrained(folder.to_str().unwrap(), &Device::Cpu).is_ok());
    let asked = server.asked();
    assert!(asked >= 4, "{asked}");
    assert_eq!(server.hub(cache.path(), false).fetch(REPO, None).unwrap(), folder);
    assert_eq!(server.hub(cache.path(), true).fetch(REPO, None).unwrap(), folder);
    assert_eq!(server.asked(), asked, "what is in the cache is not asked for again");
}

#[test]
fn offline_says_which_files_are_wanted_and_from_where() {
    let server = Server::start(repository());
    let cache = tempfile::tempdir().unwrap();
    let message = server.hub(cache.path(), true).fetch(REPO, None).unwrap_err().to_string();
    for part in [
        "config.json, model.safetensors",
        &server.endpoint,
        REPO,
        "HF_HUB_OFFLINE",
        "a folder with these files",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_missing_repository_and_a_missing_network_are_told() {
    let server = Server::start(Files::new());
    let cache = tempfile::tempdir().unwrap();
    let message = server.hub(cache.path(), false).fetch(REPO, None).unwrap_err().to_string();
    assert!(message.contains("there is no such repository or file"), "{message}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Hub { endpoint: format!("http://{closed}"), cache: cache.path().into(), offline: false };
    let message = nobody.fetch(REPO, None).unwrap_err().to_string();
    assert!(message.contains("cannot get config.json, model.safetensors from http://127.0.0.1"), "{message}");
}

#[test]
fn what_is_not_as_published_is_refused_and_not_kept() {
    let good = repository();
    let mut bad = good.clone();
    *bad.get_mut(&url("model.safetensors")).unwrap().last_mut().unwrap() ^= 1;
    let server = Server::start(bad);
    let cache = tempfile::tempdir().unwrap();
    let message = server.hub(cache.path(), false).fetch(REPO, None).unwrap_err().to_string();
    assert!(message.contains("sha256 is"), "{message}");
    *server.files.lock().unwrap() = good.clone();
    let folder = server.hub(cache.path(), false).fetch(REPO, None).unwrap();

    // Damaged in the cache, later: downloaded again.
    std::fs::write(folder.join("model.safetensors"), b"an error page").unwrap();
    assert!(server.hub(cache.path(), true).fetch(REPO, None).is_err());
    server.hub(cache.path(), false).fetch(REPO, None).unwrap();
    assert_eq!(std::fs::read(folder.join("model.safetensors")).unwrap(), good[&url("model.safetensors")]);
}

#[test]
fn an_own_model_is_held_to_the_catalogue() {
    let files = repository();
    let config: serde_json::Value = serde_json::from_slice(&files[&url("config.json")]).unwrap();
    let entry = json!({
        "name": "gat", "summary": "", "architecture": config["architecture"], "weights": {
            "metric": config["metric"], "sha256": config["weights"]["sha256"], "config_sha256": "0".repeat(64)
        }
    });
    let entry: CatalogEntry = serde_json::from_value(entry).unwrap();
    let server = Server::start(files);
    let cache = tempfile::tempdir().unwrap();
    let message = server.hub(cache.path(), false).fetch(REPO, Some(&entry)).unwrap_err().to_string();
    assert!(message.contains(&format!("expected {}", entry.weights.unwrap().config_sha256)), "{message}");
}

/// `HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE`: variables belong to a process, so this one starts itself again.
#[test]
fn the_usual_variables_are_honoured() {
    let server = Server::start(repository());
    let cache = tempfile::tempdir().unwrap();
    let child = |offline: &str| {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program);
        child.args(["--exact", "child", "--ignored"]).env("HF_ENDPOINT", &server.endpoint);
        child.env("HF_HOME", cache.path()).env_remove("HF_HUB_CACHE").env("HF_HUB_OFFLINE", offline);
        child.output().unwrap().status.success()
    };
    assert!(!child("1"));
    assert_eq!(server.asked(), 0);
    assert!(child("0"));
    assert!(child("TRUE"), "now it is in the cache");
}

#[test]
#[ignore = "started by the_usual_variables_are_honoured"]
fn child() {
    assert_eq!(from_pretrained(REPO, &Device::Cpu).unwrap().name, "gat");
}
