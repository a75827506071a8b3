//! The files of an append-only directory, by its manifest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The files to load for a path, in their order: the path itself, or those that the manifest of a directory names.
///
/// # Errors
/// If a directory has no manifest or several, or the manifest is not valid.
pub(super) fn find(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_dir() {
        return read_manifest(&find_manifest(path)?);
    }
    match path.extension() {
        Some(extension) if extension == "manifest" => read_manifest(path),
        _ => Ok(vec![path.to_owned()]),
    }
}

fn find_manifest(directory: &Path) -> io::Result<PathBuf> {
    let mut manifests = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "manifest") {
            manifests.push(path);
        }
    }
    match manifests.pop() {
        Some(manifest) if manifests.is_empty() => Ok(manifest),
        Some(_) => Err(invalid("it has several manifests: name one of them")),
        None => Err(invalid("it has no manifest of an append-only file")),
    }
}

/// Reads lines such as `file appendonly.aof.1.base.rdb seq 1 type b`. Files of type `h` were replaced by others.
fn read_manifest(manifest: &Path) -> io::Result<Vec<PathBuf>> {
    let text = fs::read_to_string(manifest)?;
    let (mut base, mut increments) = (None, Vec::new());
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let file = ManifestFile::parse(line).ok_or_else(|| invalid(&format!("its line is not valid: {line}")))?;
        let path = manifest.with_file_name(&file.name);
        match file.kind {
            "b" if base.is_none() => base = Some(path),
            "i" if increments.last().is_none_or(|(sequence, _)| *sequence < file.sequence) => {
                increments.push((file.sequence, path));
            }
            "h" => {}
            _ => return Err(invalid(&format!("its files are in disorder: {line}"))),
        }
    }
    Ok(base.into_iter().chain(increments.into_iter().map(|(_, path)| path)).collect())
}

struct ManifestFile<'a> {
    name: String,
    sequence: u64,
    kind: &'a str,
}

impl<'a> ManifestFile<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut file = Self { name: String::new(), sequence: 0, kind: "" };
        let mut words = line.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word {
                "file" => file.name = value.trim_matches('"').to_owned(),
                "seq" => file.sequence = value.parse().ok()?,
                "type" => file.kind = value,
                // Where the file begins and ends in the stream of replication.
                _ => {}
            }
        }
        // Like Redis: no file lies elsewhere.
        (!file.name.is_empty() && !file.name.contains('/')).then_some(file)
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_manifest_has_pairs_of_words() {
        let file = ManifestFile::parse("file a.1.incr.aof seq 7 type i startoffset 0").expect("it is valid");
        assert_eq!((&*file.name, file.sequence, file.kind), ("a.1.incr.aof", 7, "i"));
        for line in ["file a seq", "file a seq x type b", "file ../a seq 1 type b", "seq 1 type b"] {
            assert!(ManifestFile::parse(line).is_none(), "{line}");
        }
    }
}
