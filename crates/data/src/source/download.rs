use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{archive, checksum};
use crate::registry::FileInfo;
use crate::{Error, Result};

/// A server that is silent for this long is not there.
const PATIENCE: Duration = Duration::from_secs(30);

/// No archive of which a file is wanted is larger.
const MAX_ARCHIVE: u64 = 1 << 28;

/// Downloads `url` to `path` and gives the contents. Under its name the file only ever exists complete and checked.
/// `ARCHIVE!NAME` is a file in an archive, which is not kept. `missing` makes the error for a network that does not deliver.
pub(super) fn download(
    url: &str,
    file: &FileInfo,
    path: &Path,
    report: impl Fn(u64),
    missing: impl Fn(String) -> Error,
) -> Result<Vec<u8>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut part = tempfile::NamedTempFile::new_in(folder).map_err(Error::io(folder))?;
    let other = |problem| Error::Checksum { what: url.to_string(), problem };
    let (mut contents, mut hash) = (Vec::new(), Sha256::new());
    match url.split_once('!') {
        None => {
            // One byte more than expected is enough to see that it is another file.
            receive(url, file.bytes + 1, missing, |received| {
                part.write_all(received).map_err(Error::io(part.path()))?;
                hash.update(received);
                contents.extend_from_slice(received);
                report(contents.len() as u64);
                Ok(())
            })?;
        }
        Some((address, member)) => {
            let mut archive = Vec::new();
            receive(address, MAX_ARCHIVE, missing, |received| {
                archive.extend_from_slice(received);
                Ok(())
            })?;
            contents = archive::member(address, &archive, member).map_err(other)?;
            hash.update(&contents);
            part.write_all(&contents).map_err(Error::io(part.path()))?;
            report(contents.len() as u64);
        }
    }
    if let Some(problem) = checksum::difference(file, contents.len() as u64, &checksum::hex(hash)) {
        return Err(other(problem));
    }
    part.as_file().sync_all().map_err(Error::io(part.path()))?;
    part.persist(path).map_err(|e| Error::io(path)(e.error))?;
    Ok(contents)
}

/// Hands what a server sends to `take`, piece by piece, up to `limit` bytes.
fn receive(
    url: &str,
    limit: u64,
    missing: impl Fn(String) -> Error,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let failed = |cause: &dyn std::fmt::Display| missing(format!("{url} could not be downloaded: {cause}"));
    let agent = ureq::Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .new_agent();
    let response = agent.get(url).call().map_err(|e| failed(&e))?;
    let mut body = response.into_body().into_reader().take(limit);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = body.read(&mut buffer).map_err(|e| failed(&e))?;
        match buffer.get(..length) {
            Some(received) if !received.is_empty() => take(received)?,
            _ => return Ok(()),
        }
    }
}
