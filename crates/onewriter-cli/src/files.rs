//! The files of a log: opening them whatever their compression, and finding and ordering the
//! rotated ones.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::{Timestamp, Zoned};

use crate::entry::Entry;
use crate::exit::Failure;
use crate::lines::Lines;
use crate::moment;

/// What is read at once from a file.
const CHUNK: usize = 256 * 1024;
/// A line longer than this is not searched for a time.
const FIRST_LINE_LIMIT: usize = 64 * 1024;

/// Opens a log file for reading; gzip and zstd are recognised by their first bytes, not by the
/// name.
///
/// # Errors
/// A sentence that names the file: it is missing, a directory, not readable.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    let failed = |err| Failure::io("cannot read", path, &err);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Failure::usage(format!(
            "{} is a directory: name the log file in it",
            path.display()
        )));
    }
    decoded(file).map_err(failed)
}

fn decoded(file: File) -> io::Result<Box<dyn BufRead>> {
    let mut plain = BufReader::with_capacity(CHUNK, file);
    Ok(match plain.fill_buf()? {
        [0x1f, 0x8b, ..] => buffered(flate2::bufread::MultiGzDecoder::new(plain)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => buffered(zstd::stream::read::Decoder::with_buffer(plain)?),
        _ => Box::new(plain),
    })
}

fn buffered(from: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(CHUNK, from))
}

/// The files of one log, oldest first: those that were rotated away, and the live one.
///
/// Rotated files are recognised by their names (`shop.1.log`, `shop.log.1.gz`,
/// `shop.2026-11-21.log.zst` beside `shop.log`) and ordered by the time of their first line, so
/// that any naming scheme will do; then by their modification time.
///
/// # Errors
/// If the directory cannot be read. The live file need not exist.
pub fn rotated_set(live: &Path) -> Result<Vec<PathBuf>, Failure> {
    let dir = match live.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let name = live.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut files = regular_files(dir, |found| is_rotated(found, &name))?;
    if live.exists() {
        files.push(live.to_owned());
    }
    Ok(oldest_first(files))
}

/// All files of a directory as one log, oldest first; hidden files and links are passed over.
///
/// # Errors
/// If the directory cannot be read.
pub fn in_directory(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    regular_files(dir, |name| !name.starts_with('.')).map(oldest_first)
}

fn regular_files(dir: &Path, admit: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let failed = |err| Failure::io("cannot read the directory", dir, &err);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
        if regular && admit(&entry.file_name().to_string_lossy()) {
            found.push(if dir == Path::new(".") { entry.file_name().into() } else { entry.path() });
        }
    }
    Ok(found)
}

/// Whether `name` is a rotated file of the live one: what stands in addition starts with a digit.
fn is_rotated(name: &str, live: &str) -> bool {
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let digit = |text: &str| text.strip_prefix(['.', '-', '_']).is_some_and(starts_with_digit);
    if name.strip_prefix(live).is_some_and(digit) {
        return true;
    }
    let Some((stem, extension)) = live.rsplit_once('.') else { return false };
    let middle = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
    middle.and_then(|middle| middle.strip_suffix('.')).is_some_and(digit)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn oldest_first(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let now = Zoned::now();
    let key = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|meta| meta.modified()).ok();
        // A file without any time is the newest: the live one has just been opened.
        let first = first_time(path, &now).unwrap_or(Timestamp::MAX);
        (first, modified, path.clone())
    };
    let mut keyed: Vec<_> = files.iter().map(key).collect();
    keyed.sort();
    keyed.into_iter().map(|(_, _, path)| path).collect()
}

/// The time of the first line of a file that has one, among its first hundred.
#[must_use]
pub fn first_time(path: &Path, now: &Zoned) -> Option<Timestamp> {
    let mut lines = Lines::new(open(path).ok()?, FIRST_LINE_LIMIT);
    for _ in 0..100 {
        let (line, _) = lines.next().ok()??;
        let time =
            std::str::from_utf8(line).ok().and_then(Entry::parse).and_then(|entry| entry.time);
        if let Some(time) = time.and_then(|time| moment::of_line(&time, now)) {
            return Some(time);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_told_from_foreign_ones_by_name() {
        for name in [
            "shop.1.log",
            "shop.log.1",
            "shop.log.2.gz",
            "shop.2026-11-21.log.zst",
            "shop-20261121T080000.log",
            "shop_3.log",
            "shop.log.2026-11-21",
        ] {
            assert!(is_rotated(name, "shop.log"), "{name}");
        }
        for name in
            ["shop.log", "shop.log.bak", "shop.error.log", "shopping.1.log", "1.log", "shop."]
        {
            assert!(!is_rotated(name, "shop.log"), "{name}");
        }
        assert!(is_rotated("shop.1", "shop") && !is_rotated("shop.log", "shop"));
    }

    #[test]
    fn a_set_is_ordered_by_the_time_of_its_first_lines_whatever_the_names() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, hour: u8| {
            let line = format!("2026-11-21T{hour:02}:00:00Z INFO shop: x\n");
            fs::write(dir.path().join(name), line).unwrap();
        };
        write("shop.10.log", 1);
        write("shop.2.log", 3);
        write("shop.log.1", 2);
        write("shop.log", 4);
        write("other.log", 0);
        let set = rotated_set(&dir.path().join("shop.log")).unwrap();
        let names: Vec<_> =
            set.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["shop.10.log", "shop.log.1", "shop.2.log", "shop.log"]);
    }

    #[test]
    fn gzip_and_zstd_are_read_whatever_their_names() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"one\ntwo\n").unwrap();
        let zstd = zstd::encode_all(&b"one\ntwo\n"[..], 1).unwrap();
        for bytes in [gzip.finish().unwrap(), zstd, b"one\ntwo\n".to_vec()] {
            fs::write(&path, bytes).unwrap();
            let mut text = String::new();
            open(&path).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "one\ntwo\n");
        }
    }

    #[test]
    fn a_directory_and_a_missing_file_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| open(path).err().unwrap().message;
        let expected = format!("{} is a directory: name the log file in it", dir.path().display());
        assert_eq!(message(dir.path()), expected);
        let missing = dir.path().join("no.log");
        let expected =
            format!("cannot read {}: No such file or directory (os error 2)", missing.display());
        assert_eq!(message(&missing), expected);
    }
}
