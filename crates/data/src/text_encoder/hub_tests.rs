//! Models from the Hub, against a server on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tempfile::tempdir;

use super::*;

const REPOSITORY: &str = "somebody/encoder";

type Bodies = BTreeMap<String, Vec<u8>>;

/// A hub that serves files of one repository, and notes what it is asked for.
struct Server {
    endpoint: String,
    files: Arc<Mutex<Bodies>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(files: Bodies) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { endpoint, files: Arc::new(Mutex::new(files)), asked: Arc::default() };
        let (files, asked) = (server.files.clone(), server.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), &files, &asked);
            }
        });
        server
    }

    fn fetch(&self, cache: &Path, offline: bool) -> Result<PathBuf> {
        Hub { endpoint: self.endpoint.clone(), cache: cache.into(), offline }.fetch(REPOSITORY)
    }
}

fn answer(mut stream: TcpStream, files: &Mutex<Bodies>, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines().map_while(std::io::Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(|line| line.is_empty());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let file = path.strip_prefix(&format!("/{REPOSITORY}/resolve/main/")).unwrap_or_default().to_string();
    asked.lock().unwrap().push(file.clone());
    let files = files.lock().unwrap();
    let Some(body) = files.get(&file) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let n = body.len();
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nETag: \"{file}{n}\"\r\nX-Repo-Commit: c0ffee\r\nContent-Length: {n}\r\n\
         Content-Range: bytes 0-{}/{n}\r\nConnection: close\r\n\r\n",
        n.saturating_sub(1)
    )?;
    stream.write_all(body)
}

/// A repository in which everything is in its own folder.
fn repository() -> Bodies {
    let modules = br#"[{"path": "0_Transformer", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"}]"#;
    let weights = safetensors::serialize::<_, safetensors::tensor::TensorView<'_>, _>(
        std::iter::empty::<(&str, _)>(),
        None,
    );
    let files = [
        ("modules.json", modules.to_vec()),
        ("1_Pooling/config.json", b"{\"pooling_mode\": \"cls\"}".to_vec()),
        ("0_Transformer/config.json", b"{}".to_vec()),
        ("0_Transformer/tokenizer.json", b"{}".to_vec()),
        ("0_Transformer/model.safetensors", weights.unwrap()),
    ];
    files.map(|(name, body)| (name.to_string(), body)).into()
}

#[test]
fn what_is_there_is_downloaded_once() {
    let (server, cache) = (Server::start(repository()), tempdir().unwrap());
    let folder = server.fetch(cache.path(), false).unwrap();
    for file in repository().keys() {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let asked = server.asked.lock().unwrap().len();
    assert_eq!(server.fetch(cache.path(), false).unwrap(), folder);
    assert_eq!(server.fetch(cache.path(), true).unwrap(), folder);
    assert_eq!(server.asked.lock().unwrap().len(), asked);
    assert_eq!(folder::read(&folder, false).unwrap().settings.pooling, Some(super::super::Pooling::Cls));
}

#[test]
fn what_is_not_there_is_said() {
    let (server, cache) = (Server::start(Bodies::new()), tempdir().unwrap());
    let message = |offline| server.fetch(cache.path(), offline).unwrap_err().to_string();
    assert!(message(false).contains("there is no such repository"), "{}", message(false));
    assert!(message(true).contains("HF_HUB_OFFLINE is set, and modules.json"), "{}", message(true));
}

#[test]
fn error_pages_do_not_stay() {
    for file in ["modules.json", "0_Transformer/tokenizer.json", "0_Transformer/model.safetensors"] {
        let mut bad = repository();
        bad.insert(file.into(), b"<html>".to_vec());
        let (server, cache) = (Server::start(bad), tempdir().unwrap());
        let message = server.fetch(cache.path(), false).unwrap_err().to_string();
        assert!(message.contains(&format!("{file} as it came is damaged")), "{message}");
        *server.files.lock().unwrap() = repository();
        server.fetch(cache.path(), false).unwrap();
    }
}

#[test]
fn names_of_repositories() {
    assert_eq!(
        repository_of("sentence-transformers/all-MiniLM-L6-v2"),
        Some("sentence-transformers/all-MiniLM-L6-v2")
    );
    for name in ["", "a", "a/b/c", "../b", "/a", "a/", "./a", "a/..", "a b/c"] {
        assert_eq!(repository_of(name), None, "{name}");
    }
    // A folder of this name goes first.
    assert_eq!(repository_of("src/lib.rs"), None);
}
