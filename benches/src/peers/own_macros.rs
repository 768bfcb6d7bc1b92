//! Loggers with macros of their own.

use crate::peer::{FILE, Peer, Setup};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::sync::Arc;

fn open(setup: &Setup) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(setup.file()).expect("the folder is writable")
}

/// 128 slots that drop are its default; `wait` has as many and waits, `block` has 8192 and waits.
pub struct SlogAsync {
    logger: slog::Logger,
    guard: slog_async::AsyncGuard,
}

impl Peer for SlogAsync {
    fn start(setup: &Setup) -> SlogAsync {
        use slog::Drain;
        use slog_async::AsyncCore;
        let plain = slog_term::PlainSyncDecorator::new(BufWriter::new(open(setup)));
        let format = slog_term::FullFormat::new(plain).build().fuse();
        let builder = AsyncCore::custom(format);
        let builder = match setup.variant.as_str() {
            "block" => builder.chan_size(8192).blocking(true),
            "wait" => builder.blocking(true),
            _ => builder.blocking(false),
        };
        let (core, guard) = builder.build_with_guard();
        let drain = slog::LevelFilter::new(core, slog::Level::Info).ignore_res();
        SlogAsync { logger: slog::Logger::root(drain, slog::o!()), guard }
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        slog::info!(self.logger, "Logging int: {} int: {} double: {}", i, j, d);
    }

    #[inline(always)]
    fn below(&self, i: u64, j: u64, d: f64) {
        slog::debug!(self.logger, "Logging int: {} int: {} double: {}", i, j, d);
    }

    fn finish(self) -> Option<u64> {
        drop(self.logger);
        drop(self.guard);
        None
    }
}

/// A pool of one thread with 8192 slots that blocks. `default`: it is also the default logger, which
/// is flushed at exit.
pub struct Spdlog(Arc<spdlog::Logger>);

impl Peer for Spdlog {
    fn start(setup: &Setup) -> Spdlog {
        use spdlog::formatter::{PatternFormatter, pattern};
        use spdlog::sink::{AsyncPoolSink, FileSink, RotatingFileSink, RotationPolicy, Sink};
        let line = pattern!("[{date} {time}.{nanosecond}] [{level}] [{tid}] {payload}{eol}");
        let format = PatternFormatter::new(line);
        let file: spdlog::Result<Arc<dyn Sink>> = match setup.rotation {
            Some(bytes) => {
                let file = RotatingFileSink::builder().base_path(setup.file()).formatter(format);
                // Its 0 is "no limit", but then a rotation by size truncates.
                let file = file.rotation_policy(RotationPolicy::FileSize(bytes)).max_files(10_000);
                let file = file.build_arc();
                file.map(|file| file as _)
            }
            None => {
                let file = FileSink::builder().path(setup.file()).formatter(format).build_arc();
                file.map(|file| file as _)
            }
        };
        let file = file.expect("the folder is writable");
        let pool = spdlog::ThreadPool::builder().build_arc().expect("one thread can be started");
        let sink = AsyncPoolSink::builder().sink(file).thread_pool(pool).build_arc();
        let logger = spdlog::Logger::builder().sink(sink.expect("it has a sink")).build_arc();
        let logger: Arc<spdlog::Logger> = logger.expect("its name is empty");
        logger.set_level_filter(spdlog::LevelFilter::MoreSevereEqual(spdlog::Level::Info));
        if setup.is("default") {
            spdlog::set_default_logger(logger.clone());
        }
        Spdlog(logger)
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        spdlog::info!(logger: self.0, "Logging int: {} int: {} double: {}", i, j, d);
    }

    #[inline(always)]
    fn below(&self, i: u64, j: u64, d: f64) {
        spdlog::debug!(logger: self.0, "Logging int: {} int: {} double: {}", i, j, d);
    }

    fn finish(self) -> Option<u64> {
        // The last reference joins the pool's thread, which writes what is queued.
        self.0.flush();
        drop(self.0);
        None
    }
}

/// Batches, flushed when its guard goes. Each process has a file of its own, of JSON lines.
pub struct EmitFile(emit::setup::InitGuard<'static, emit_file::FileSet>);

impl Peer for EmitFile {
    fn start(setup: &Setup) -> EmitFile {
        let files = emit_file::set(setup.file()).max_files(1 << 20);
        let files = match setup.rotation {
            Some(bytes) => files.max_file_size_bytes(bytes as usize),
            None => files,
        };
        let least = emit::level::min_filter(emit::Level::Info);
        let init = emit::setup().emit_when(least).emit_to(files.spawn()).init();
        EmitFile(init.flush_on_drop(std::time::Duration::from_secs(30)))
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        emit::info!("Logging int: {i} int: {j} double: {d}");
    }

    #[inline(always)]
    fn below(&self, i: u64, j: u64, d: f64) {
        emit::debug!("Logging int: {i} int: {j} double: {d}");
    }

    fn finish(self) -> Option<u64> {
        drop(self.0);
        None
    }
}

/// 131,072 slots that block; levels are chosen when it is compiled.
pub struct LowLatencyLog(low_latency_log::LoggerGuard);

impl Peer for LowLatencyLog {
    const LEVELS: bool = false;

    fn start(setup: &Setup) -> LowLatencyLog {
        let folder = setup.dir.display().to_string();
        let never = low_latency_log::RollingCondition::new();
        let logger = low_latency_log::Logger::new(never, folder, FILE.to_owned());
        LowLatencyLog(logger.init().expect("the folder is writable"))
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        low_latency_log::info!("Logging int: {} int: {} double: {}", i, j, d);
    }

    fn below(&self, _: u64, _: u64, _: f64) {}

    fn finish(self) -> Option<u64> {
        drop(self.0);
        None
    }
}

/// A million slots that drop, one producer; its user brings the thread that flushes, here one that
/// looks every 100 us.
pub struct Quicklog {
    flusher: std::thread::JoinHandle<()>,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

struct Buffered(BufWriter<File>);

impl quicklog_flush::Flush for Buffered {
    fn flush_one(&mut self, line: String) {
        let _ = self.0.write_all(line.as_bytes());
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        let _ = self.0.flush();
    }
}

impl Peer for Quicklog {
    const LEVELS: bool = false;
    const THREADS: bool = false;

    fn start(setup: &Setup) -> Quicklog {
        quicklog::init!();
        quicklog::with_flush!(Buffered(BufWriter::new(open(setup))));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        let flusher = std::thread::spawn(move || {
            loop {
                let last = stopped.load(std::sync::atomic::Ordering::Acquire);
                while quicklog::try_flush!().is_ok() {}
                if last {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
        });
        Quicklog { flusher, stop }
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        quicklog::info!("Logging int: {} int: {} double: {}", i, j, d);
    }

    fn below(&self, _: u64, _: u64, _: f64) {}

    fn finish(self) -> Option<u64> {
        self.stop.store(true, std::sync::atomic::Ordering::Release);
        let _ = self.flusher.join();
        // Replacing the flusher drops the buffer, which writes its rest.
        quicklog::with_flush!(quicklog_flush::noop_flusher::NoopFlusher::new());
        None
    }
}
