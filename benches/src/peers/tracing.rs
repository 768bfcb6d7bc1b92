//! tracing-subscriber writing by itself, and through tracing-appender.

use super::calls;
use crate::peer::{Peer, Setup};
use std::fs::File;
use std::sync::Mutex;
use tracing::{debug, info};
use tracing_subscriber::fmt::MakeWriter;

fn subscribe<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(writer: W) {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_thread_ids(true)
        .with_ansi(false)
        .with_writer(writer)
        .init();
}

/// The caller writes, under a lock.
pub struct Synchronous;

impl Peer for Synchronous {
    fn start(setup: &Setup) -> Synchronous {
        subscribe(Mutex::new(File::create(setup.file()).expect("the folder is writable")));
        Synchronous
    }

    calls!();

    fn finish(self) -> Option<u64> {
        None
    }
}

/// 128,000 lines, formatted by the caller: `lossy` is its default, `block` waits.
#[cfg(feature = "peers")]
pub struct Appender {
    guard: tracing_appender::non_blocking::WorkerGuard,
    dropped: Option<tracing_appender::non_blocking::ErrorCounter>,
}

#[cfg(feature = "peers")]
impl Peer for Appender {
    fn start(setup: &Setup) -> Appender {
        let file = tracing_appender::rolling::never(&setup.dir, crate::peer::FILE);
        let lossy = !setup.is("block");
        let builder = tracing_appender::non_blocking::NonBlockingBuilder::default().lossy(lossy);
        let (writer, guard) = builder.finish(file);
        let dropped = lossy.then(|| writer.error_counter());
        subscribe(writer);
        Appender { guard, dropped }
    }

    calls!();

    fn finish(self) -> Option<u64> {
        drop(self.guard);
        self.dropped.map(|counter| counter.dropped_lines() as u64)
    }
}
