//! A file sink's settings in words.

use crate::format::Format;
use crate::sinks::IntoSink;
use crate::sinks::file::{self, Compression, FileBuilder, Fsync, Names};
use onewriter_record::Level;
use std::fs;
use std::time::Duration;

/// The settings of a file sink, without the line that names the file.
fn settings(configure: impl FnOnce(FileBuilder) -> FileBuilder) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(dir.path()).unwrap().join("shop.log");
    let spec = configure(file::file(&path)).into_sink().unwrap();
    let settings = spec.settings?;
    let (first, rest) = settings.split_once('\n').unwrap();
    assert_eq!(first, format!("file = {:?}", path.to_str().unwrap()));
    Some(rest.to_owned())
}

#[test]
fn a_file_sink_says_what_differs_from_the_defaults() {
    assert_eq!(settings(|it| it).as_deref(), Some(""));
    let all = settings(|it| {
        it.json()
            .rotation("100 MB or daily")
            .names(Names::time("%Y-%m-%d"))
            .utc()
            .keep(7)
            .keep_for(Duration::from_secs(30 * 86_400))
            .keep_bytes("10 GB")
            .compress(Compression::Gzip)
            .mode(0o640)
            .fsync(Fsync::Every(Duration::from_millis(1500)))
    });
    let expected = "format = \"json\"\nrotate = \"100 MB or daily\"\nnames = \"%Y-%m-%d\"\nutc = true\n\
                    keep = 7\nkeep-for = \"30 d\"\nkeep-bytes = \"10 GB\"\ncompress = \"gzip\"\n\
                    mode = \"640\"\nfsync = \"1500ms\"\n";
    assert_eq!(all.as_deref(), Some(expected));
    let names = |names| settings(move |it| it.names(names));
    assert_eq!(names(Names::shifted()).as_deref(), Some("names = \"shifted\"\n"));
    assert_eq!(names(Names::appended("%F")).as_deref(), Some("names = \"appended %F\"\n"));
    let level = settings(|it| it.fsync(Fsync::From(Level::new(25))));
    assert_eq!(level.as_deref(), Some("fsync = \"25\"\n"));
}

struct Own;
impl Format for Own {
    fn format(&mut self, _: &onewriter_record::Record<'_>, _: &mut Vec<u8>) {}
}

#[test]
fn what_only_the_program_knows_is_not_said() {
    assert_eq!(settings(|it| it.format(Own)), None);
    // In words these would be other names.
    assert_eq!(settings(|it| it.names(Names::time("appended %F"))), None);
    assert_eq!(
        settings(
            |it| it.owner(rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
        ),
        None
    );
}
