use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::checksum;
use crate::registry::FileInfo;
use crate::{Error, Result};

/// A server that is silent for this long is not there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Downloads `url` to `path` and gives the contents. Under its name the file only ever exists complete and checked.
/// `missing` makes the error for a network that does not deliver.
pub(super) fn download(
    url: &str,
    file: &FileInfo,
    path: &Path,
    report: impl Fn(u64),
    missing: impl Fn(String) -> Error,
) -> Result<Vec<u8>> {
    let failed = |cause: &dyn std::fmt::Display| missing(format!("{url} could not be downloaded: {cause}"));
    let agent = ureq::Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .new_agent();
    let response = agent.get(url).call().map_err(|e| failed(&e))?;
    // One byte more than expected is enough to see that it is another file.
    let mut body = response.into_body().into_reader().take(file.bytes + 1);

    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut part = tempfile::NamedTempFile::new_in(folder).map_err(Error::io(folder))?;
    let (mut contents, mut hash) = (Vec::new(), Sha256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = body.read(&mut buffer).map_err(|e| failed(&e))?;
        let Some(received) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        part.write_all(received).map_err(Error::io(part.path()))?;
        hash.update(received);
        contents.extend_from_slice(received);
        report(contents.len() as u64);
    }
    if let Some(problem) = checksum::difference(file, contents.len() as u64, &checksum::hex(hash)) {
        return Err(Error::Checksum { what: url.to_string(), problem });
    }
    part.as_file().sync_all().map_err(Error::io(part.path()))?;
    part.persist(path).map_err(|e| Error::io(path)(e.error))?;
    Ok(contents)
}
