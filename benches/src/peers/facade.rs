//! Loggers behind the `log` facade.

use super::calls;
use crate::peer::{Peer, Setup};
use log::{LevelFilter, debug, info};
use std::fs::File;
use std::num::NonZeroUsize;

/// Writes on the caller, under a lock.
pub struct Env;

impl Peer for Env {
    fn start(setup: &Setup) -> Env {
        let file = File::create(setup.file()).expect("the folder is writable");
        env_logger::Builder::new()
            .filter_level(LevelFilter::Info)
            .format_timestamp_nanos()
            .target(env_logger::Target::Pipe(Box::new(file)))
            .init();
        Env
    }

    calls!();

    fn finish(self) -> Option<u64> {
        None
    }
}

/// `async`: an unbounded queue. `buffer`: 8 KiB under a lock. `direct`: the caller writes.
pub struct Flexi(flexi_logger::LoggerHandle);

impl Peer for Flexi {
    fn start(setup: &Setup) -> Flexi {
        use flexi_logger::{Cleanup, Criterion, FileSpec, Logger, Naming, WriteMode, with_thread};
        let file = FileSpec::try_from(setup.file()).expect("the file has a name");
        let mode = match setup.variant.as_str() {
            "buffer" => WriteMode::BufferAndFlush,
            "direct" => WriteMode::Direct,
            _ => WriteMode::Async,
        };
        let logger = Logger::with(LevelFilter::Info).log_to_file(file).format(with_thread);
        let logger = match setup.rotation {
            Some(bytes) => logger.rotate(Criterion::Size(bytes), Naming::Numbers, Cleanup::Never),
            None => logger,
        };
        Flexi(logger.append().write_mode(mode).start().expect("nothing else is installed"))
    }

    calls!();

    fn finish(self) -> Option<u64> {
        self.0.shutdown();
        None
    }
}

/// `unbounded` is its default; `block` waits at 128,000 lines.
pub struct Logforth;

impl Peer for Logforth {
    fn start(setup: &Setup) -> Logforth {
        use logforth::append::asynchronous::AsyncBuilder;
        use logforth::append::file::FileBuilder;
        use logforth::layout::TextLayout;
        let file = FileBuilder::new(&setup.dir, "bench")
            .filename_suffix("log")
            .layout(TextLayout::default().no_color());
        let file = match setup.rotation.and_then(|bytes| NonZeroUsize::new(bytes as usize)) {
            Some(bytes) => file.rollover_size(bytes),
            None => file,
        };
        let file = file.build().expect("the folder is writable");
        let queue = AsyncBuilder::new("logforth").append(file);
        let limit = setup.is("block").then_some(128_000);
        let queue = queue.buffered_lines_limit(limit).overflow_block().build();
        logforth::starter_log::builder().dispatch(|dispatch| dispatch.append(queue)).apply();
        log::set_max_level(LevelFilter::Info);
        Logforth
    }

    calls!();

    fn finish(self) -> Option<u64> {
        log::logger().flush();
        None
    }
}

/// 100,000 lines: `drop` is its default, `block` waits.
pub struct Ftlog(ftlog::LoggerGuard);

impl Peer for Ftlog {
    fn start(setup: &Setup) -> Ftlog {
        let file = ftlog::appender::FileAppender::builder().path(setup.file()).build();
        let builder = ftlog::builder().max_log_level(LevelFilter::Info);
        let builder = builder.bounded(100_000, setup.is("block")).root(file).utc();
        Ftlog(builder.try_init().expect("nothing else is installed"))
    }

    calls!();

    fn finish(self) -> Option<u64> {
        drop(self.0);
        None
    }
}

/// `unbounded` is its default; `bounded` has a first queue of 100,000 lines.
pub struct FastLog;

impl Peer for FastLog {
    fn start(setup: &Setup) -> FastLog {
        use fast_log::consts::LogSize;
        use fast_log::plugin::file_split::{KeepType, Rolling, RollingType};
        use fast_log::plugin::packer::LogPacker;
        let name = setup.file_name();
        let config = fast_log::Config::new().level(LevelFilter::Info);
        let config = match setup.rotation {
            Some(bytes) => {
                let size = RollingType::BySize(LogSize::B(bytes as usize));
                config.file_split(&name, Rolling::new(size), KeepType::All, LogPacker {})
            }
            None => config.file(&name),
        };
        let bound = setup.is("bounded").then_some(100_000);
        fast_log::init(config.chan_len(bound)).expect("nothing else is installed");
        FastLog
    }

    calls!();

    fn finish(self) -> Option<u64> {
        if let Ok(done) = fast_log::flush() {
            done.wait();
        }
        None
    }
}
