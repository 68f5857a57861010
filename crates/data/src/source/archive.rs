//! Files that are published inside an archive.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::inflate;

/// The file called `member`, in whatever folder, of an archive whose name says its kind: `.zip`, `.tar.gz`, or `.gz` of that file
/// alone.
pub(super) fn member(archive: &str, contents: &[u8], member: &str) -> Result<Vec<u8>, String> {
    let wanted = |name: &str| name.rsplit('/').next() == Some(member);
    if archive.ends_with(".zip") {
        let mut zip = ZipArchive::new(Cursor::new(contents)).map_err(|e| e.to_string())?;
        let mut names = zip.file_names().filter_map(|name| name.ok()).map(|name| name.into_owned());
        let name = names.find(|name| wanted(name));
        drop(names);
        let entry = zip.by_name(&name.ok_or_else(|| lacks(member))?).map_err(|e| e.to_string())?;
        let mut file = Vec::new();
        let limit = inflate::limit(contents.len() as u64);
        let length = entry.take(limit).read_to_end(&mut file).map_err(|e| e.to_string())?;
        return if length as u64 == limit { Err("it unpacks to too much".into()) } else { Ok(file) };
    }
    let mut plain = Vec::new();
    let mut reader = inflate::plain(contents, contents.len() as u64).map_err(|e| e.to_string())?;
    reader.read_to_end(&mut plain).map_err(|e| e.to_string())?;
    if archive.ends_with(".tar.gz") { from_tar(&plain, member, wanted) } else { Ok(plain) }
}

/// Finds a file in a tape archive (POSIX ustar): blocks of 512 bytes, a header before each file.
fn from_tar(tar: &[u8], member: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, String> {
    const BLOCK: usize = 512;
    let mut rest = tar;
    while let Some((header, after)) = rest.split_at_checked(BLOCK) {
        let text = |from: usize, to: usize| {
            let field = header.get(from..to).unwrap_or_default();
            let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
            String::from_utf8_lossy(field.get(..end).unwrap_or_default()).trim().to_string()
        };
        let name = text(0, 100);
        if name.is_empty() {
            break;
        }
        let size = usize::from_str_radix(&text(124, 136), 8)
            .map_err(|_| format!("the size of {name:?} is no number"))?;
        let file = after.get(..size).ok_or_else(|| format!("{name:?} is cut off"))?;
        // `0` and nothing are files; others are folders, links and so on.
        if wanted(&name) && matches!(header.get(156), Some(b'0' | 0)) {
            return Ok(file.to_vec());
        }
        rest = after.get(size.div_ceil(BLOCK) * BLOCK..).unwrap_or_default();
    }
    Err(lacks(member))
}

fn lacks(member: &str) -> String {
    format!("it has no file {member}")
}
