//! Standard output and standard error.

use crate::error::{Error, ErrorKind};
use crate::format::{Format, JsonFormat, LogfmtFormat, TextFormat};
use crate::sink::SinkSpec;
use crate::sink::{Context, Sink};
use crate::sinks::lane::LaneOptions;
use crate::sinks::{Common, IntoSink, common_settings};
use onewriter_record::Record;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

type MakeFormat = Box<dyn FnOnce(bool) -> Box<dyn Format> + Send>;

/// How long a commit waits for a terminal or pipe in non-blocking mode that takes nothing, before
/// it leaves the rest for the next commit.
const PATIENCE_MS: i32 = 20;

/// Lines on standard output: see [`Terminal`].
pub fn stdout() -> Terminal {
    let terminal = Terminal::new("stdout", io::stdout().is_terminal(), Box::new(io::stdout()));
    Terminal { anew: Some(stdout), ..terminal }
}

/// Lines on standard error: see [`Terminal`].
pub fn stderr() -> Terminal {
    let terminal = Terminal::new("stderr", io::stderr().is_terminal(), Box::new(io::stderr()));
    Terminal { anew: Some(stderr), ..terminal }
}

/// Whether lines are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// As the environment and the stream say: see [`Color::resolve`].
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

impl Color {
    /// Decides. The first of these that applies holds, in the order of `anstream` and Python:
    ///
    /// 1. `Always` and `Never`;
    /// 2. `NO_COLOR` that is not empty: no;
    /// 3. `FORCE_COLOR` or `CLICOLOR_FORCE` that is not empty: yes, and `0` for the first: no;
    /// 4. `CLICOLOR=0`, no `TERM`, or `TERM=dumb`: no;
    /// 5. whether the stream is a terminal.
    pub fn resolve(self, env: impl Fn(&str) -> Option<OsString>, is_terminal: bool) -> bool {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR").is_some() => false,
            Color::Auto => match (set("FORCE_COLOR"), set("CLICOLOR_FORCE")) {
                (Some(force), _) => force != "0",
                (None, Some(force)) if force != "0" => true,
                _ => {
                    let dumb = set("TERM").is_none_or(|term| term == "dumb");
                    is_terminal && !dumb && env("CLICOLOR").is_none_or(|value| value != "0")
                }
            },
        }
    }
}

/// The lines of a terminal, or of the pipe or file that stands in its place.
///
/// Each batch is one `write`, past the buffers of Rust's own `stdout()`: a line is never mixed with
/// another one of this sink. A `print!` without newline may come out later than a line logged after
/// it; flush `std::io::stdout()` where that matters.
///
/// * **A closed pipe** (`app | head`) ends nothing: it is reported once, and from then on records
///   for this sink are counted as dropped. [`Sink::reopen`] tries again.
/// * **Non-blocking mode** (a parent that is a Node program, say) loses nothing: the sink waits up
///   to 20 ms, then keeps the rest for the next commit.
/// * **A stopped terminal** (Ctrl-S, a full pipe) delays nobody else: handed to a logger, the sink
///   has a [lane](crate::sinks::lane) of its own. [`lane`](Terminal::lane) chooses its size and what
///   happens when it is full, [`inline`](Terminal::inline) does without.
///
/// ```no_run
/// use onewriter_engine::sinks::terminal::{self, Color};
/// let sink = terminal::stderr().color(Color::Never).json();
/// ```
#[must_use = "a builder does nothing until it is built or handed to a logger"]
pub struct Terminal {
    name: &'static str,
    is_terminal: bool,
    output: Box<dyn Output>,
    color: Color,
    format: MakeFormat,
    /// What made it, where that can be done again.
    anew: Option<fn() -> Terminal>,
    common: Common,
}

common_settings!(Terminal);

impl IntoSink for Terminal {
    fn into_sink(mut self) -> Result<SinkSpec, Error> {
        let common = std::mem::take(&mut self.common);
        let anew = self.anew;
        let sink = self.build();
        let respawn = anew.zip(sink.format.twin()).map(|(anew, format)| {
            let format = Mutex::new(format);
            common.respawn(move || {
                let format = format.lock().unwrap_or_else(PoisonError::into_inner).twin();
                let format = format.ok_or_else(|| Error::config("the formatter has no twin"))?;
                Ok(anew().format(format).build())
            })
        });
        let mut spec = common.apply(sink)?;
        spec.respawn = respawn;
        Ok(spec)
    }
}

impl Terminal {
    fn new(name: &'static str, is_terminal: bool, output: Box<dyn Output>) -> Terminal {
        let format: MakeFormat = Box::new(text);
        let common = Common::with_lane(LaneOptions::default());
        Terminal { name, is_terminal, output, color: Color::Auto, format, anew: None, common }
    }

    /// Lines to something else that behaves like a terminal's stream; `name` is its name in
    /// reports. It counts as no terminal.
    pub fn to(name: &'static str, output: impl Output + 'static) -> Terminal {
        Terminal::new(name, false, Box::new(output))
    }

    /// Whether lines are coloured; [`Color::Auto`] without this.
    pub fn color(mut self, color: Color) -> Terminal {
        self.color = color;
        self
    }

    /// Lines for people: [`TextFormat::full`], coloured as [`Color`] says. The default.
    pub fn text(self) -> Terminal {
        self.format_with(text)
    }

    /// JSON lines, without colour.
    pub fn json(self) -> Terminal {
        self.format(JsonFormat::new())
    }

    /// logfmt lines, without colour.
    pub fn logfmt(self) -> Terminal {
        self.format(LogfmtFormat::new())
    }

    /// Another formatter.
    pub fn format(self, format: impl Format + 'static) -> Terminal {
        self.format_with(|_| Box::new(format))
    }

    /// Another formatter, made by a function that is told whether lines are to be coloured.
    pub fn format_with(
        mut self,
        make: impl FnOnce(bool) -> Box<dyn Format> + Send + 'static,
    ) -> Terminal {
        self.format = Box::new(make);
        self
    }

    /// The sink. Reads the environment variables that [`Color::resolve`] names, now and not again.
    pub fn build(self) -> TerminalSink {
        self.build_with(|name| std::env::var_os(name))
    }

    /// The sink, with an environment of the caller's.
    pub fn build_with(self, env: impl Fn(&str) -> Option<OsString>) -> TerminalSink {
        let format = (self.format)(self.color.resolve(env, self.is_terminal));
        TerminalSink {
            name: self.name,
            format,
            output: self.output,
            bytes: Vec::new(),
            written: 0,
            ends: Vec::new(),
            closed: false,
            dropped: 0,
        }
    }
}

fn text(color: bool) -> Box<dyn Format> {
    Box::new(TextFormat::full().with_color(color))
}

/// A byte stream as a terminal has it: writing may take a part, or nothing for now.
pub trait Output: Send {
    /// Writes once; as [`io::Write::write`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until more can be written, at most `ms` milliseconds.
    fn wait(&mut self, ms: i32) -> io::Result<()>;
}

impl<T: AsFd + Send> Output for T {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.as_fd(), bytes)?)
    }

    fn wait(&mut self, ms: i32) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = Timespec { tv_sec: 0, tv_nsec: i64::from(ms) * 1_000_000 };
        poll(&mut [PollFd::new(self, PollFlags::OUT)], Some(&limit))?;
        Ok(())
    }
}

/// The sink that [`Terminal::build`] makes.
pub struct TerminalSink {
    name: &'static str,
    format: Box<dyn Format>,
    output: Box<dyn Output>,
    bytes: Vec<u8>,
    /// How many of `bytes` are out already.
    written: usize,
    /// Where the records in `bytes` end.
    ends: Vec<usize>,
    closed: bool,
    dropped: u64,
}

impl TerminalSink {
    /// Nobody reads any more: what is left is counted, and said once.
    #[cold]
    fn close(&mut self, err: &io::Error) -> Error {
        let lost = self.ends.iter().filter(|end| **end > self.written).count();
        self.closed = true;
        self.dropped += lost as u64;
        self.forget();
        let name = self.name;
        let message = format!("{name} is closed ({err}): its records are dropped from here on");
        Error::new(ErrorKind::Io, message).with_source(err.kind().into())
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.written = 0;
    }
}

impl Sink for TerminalSink {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn record(&mut self, record: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        if self.closed {
            self.dropped += 1;
            return Ok(());
        }
        self.format.format(record, &mut self.bytes);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        let mut waited = false;
        while self.written < self.bytes.len() {
            let err = match self.output.write(&self.bytes[self.written..]) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(n) => {
                    self.written += n;
                    waited = false;
                    continue;
                }
                Err(err) => err,
            };
            match err.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock if !waited => {
                    waited = true;
                    // A wait that fails or is interrupted only means that writing is tried sooner.
                    let _ = self.output.wait(PATIENCE_MS);
                }
                _ if is_closed(&err) => return Err(self.close(&err)),
                _ => {
                    let (name, left) = (self.name, self.bytes.len() - self.written);
                    let message = format!("cannot write to {name}: {err}; {left} bytes wait");
                    return Err(Error::new(ErrorKind::Io, message));
                }
            }
        }
        self.forget();
        Ok(())
    }

    fn pending(&self) -> usize {
        self.bytes.len() - self.written
    }

    fn reopen(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.closed = false;
        Ok(())
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

/// The reader of a pipe has gone, the terminal has hung up, or the descriptor was closed.
fn is_closed(err: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::PIPE, Errno::IO, Errno::BADF, Errno::CONNRESET]
        .iter()
        .any(|errno| err.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::NoJournal;
    use crate::testing::Sample;
    use std::collections::HashMap;
    use std::collections::VecDeque;
    use std::io::Read;
    use std::sync::{Arc, Mutex};

    /// Does what the script says, write by write.
    #[derive(Clone, Default)]
    struct Scripted(Arc<Mutex<State>>);

    #[derive(Default)]
    struct State {
        script: VecDeque<Result<usize, i32>>,
        written: Vec<u8>,
        waits: usize,
        writes: usize,
    }

    const EPIPE: i32 = 32;
    const EAGAIN: i32 = 11;
    const EINTR: i32 = 4;
    const ENOSPC: i32 = 28;

    impl Scripted {
        fn new(script: &[Result<usize, i32>]) -> (TerminalSink, Scripted) {
            let scripted = Scripted::default();
            scripted.0.lock().unwrap().script = script.iter().copied().collect();
            let sink = Terminal::to("test", scripted.clone()).build_with(|_| None);
            (sink, scripted)
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().written.clone()).unwrap()
        }
    }

    impl Output for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.0.lock().unwrap();
            state.writes += 1;
            let n = match state.script.pop_front() {
                Some(Ok(n)) => n.min(bytes.len()),
                Some(Err(errno)) => return Err(io::Error::from_raw_os_error(errno)),
                None => bytes.len(),
            };
            state.written.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn wait(&mut self, _: i32) -> io::Result<()> {
            self.0.lock().unwrap().waits += 1;
            Ok(())
        }
    }

    fn put(sink: &mut TerminalSink, messages: &[&str]) {
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        for message in messages {
            sink.record(&Sample::new("{}").arg(*message).record(), &mut cx).unwrap();
        }
    }

    fn commit(sink: &mut TerminalSink) -> Result<(), Error> {
        sink.commit(&mut Context { now: 0, journal: &mut NoJournal })
    }

    fn tails(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.rsplit(' ').next()).collect()
    }

    #[test]
    fn a_batch_is_one_write() {
        let (mut sink, out) = Scripted::new(&[]);
        put(&mut sink, &["one", "two", "three"]);
        assert!(sink.pending() > 0);
        commit(&mut sink).unwrap();
        assert_eq!(tails(&out.text()), ["one", "two", "three"]);
        assert_eq!((out.0.lock().unwrap().writes, sink.pending()), (1, 0));
    }

    #[test]
    fn short_writes_and_interruptions_lose_nothing() {
        let (mut sink, out) = Scripted::new(&[Ok(3), Err(EINTR), Ok(1), Err(EAGAIN), Ok(2)]);
        put(&mut sink, &["one", "two"]);
        commit(&mut sink).unwrap();
        assert_eq!(tails(&out.text()), ["one", "two"]);
        assert_eq!(out.0.lock().unwrap().waits, 1);
    }

    #[test]
    fn a_stream_that_takes_nothing_is_waited_for_once_then_left_to_the_next_commit() {
        let (mut sink, out) = Scripted::new(&[Ok(4), Err(EAGAIN), Err(EAGAIN)]);
        put(&mut sink, &["one"]);
        let err = commit(&mut sink).unwrap_err().to_string();
        assert!(err.starts_with("cannot write to test: "), "{err}");
        assert!(err.ends_with(&format!("; {} bytes wait", sink.pending())), "{err}");
        assert_eq!(out.0.lock().unwrap().waits, 1);
        put(&mut sink, &["two"]);
        commit(&mut sink).unwrap();
        assert_eq!(tails(&out.text()), ["one", "two"]);
        assert_eq!(sink.take_dropped(), 0);
    }

    #[test]
    fn a_full_disk_behind_the_stream_keeps_the_rest_pending() {
        let (mut sink, out) = Scripted::new(&[Err(ENOSPC)]);
        put(&mut sink, &["one"]);
        assert!(commit(&mut sink).is_err());
        assert!(sink.pending() > 0);
        commit(&mut sink).unwrap();
        assert_eq!(tails(&out.text()), ["one"]);
    }

    #[test]
    fn a_closed_pipe_is_reported_once_and_its_records_counted() {
        let (mut sink, out) = Scripted::new(&[Ok(80), Err(EPIPE)]);
        put(&mut sink, &["one", &"2".repeat(40), "three"]);
        let err = commit(&mut sink).unwrap_err().to_string();
        assert!(err.starts_with("test is closed ("), "{err}");
        assert!(err.ends_with("): its records are dropped from here on"), "{err}");
        assert_eq!((sink.pending(), sink.take_dropped()), (0, 2));
        put(&mut sink, &["four", "five"]);
        commit(&mut sink).unwrap();
        assert_eq!((sink.take_dropped(), sink.take_dropped()), (2, 0));
        assert_eq!(out.0.lock().unwrap().writes, 2);
        sink.reopen(&mut Context { now: 0, journal: &mut NoJournal }).unwrap();
        put(&mut sink, &["six"]);
        commit(&mut sink).unwrap();
        assert!(out.text().ends_with("six\n"));
    }

    #[test]
    fn a_real_pipe_in_non_blocking_mode_gets_every_byte() {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let mut sink = Terminal::to("pipe", writer).build_with(|_| None);
        let long = "x".repeat(1 << 20);
        put(&mut sink, &[&long, "end"]);
        rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::empty()).unwrap();
        let read = std::thread::spawn(move || {
            let mut text = String::new();
            std::fs::File::from(reader).read_to_string(&mut text).map(|_| text)
        });
        while commit(&mut sink).is_err() {}
        drop(sink);
        let text = read.join().unwrap().unwrap();
        assert_eq!(tails(&text), [&*long, "end"]);
    }

    #[test]
    fn a_real_pipe_without_reader_is_closed() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        let mut sink = Terminal::to("pipe", writer).build_with(|_| None);
        put(&mut sink, &["one"]);
        assert!(commit(&mut sink).is_err());
        assert_eq!(sink.take_dropped(), 1);
    }

    #[test]
    fn color_follows_the_environment() {
        type Env = &'static [(&'static str, &'static str)];
        let rows: [(Env, bool, bool); 14] = [
            (&[("TERM", "xterm")], true, true),
            (&[("TERM", "xterm")], false, false),
            (&[("TERM", "dumb")], true, false),
            (&[], true, false),
            (&[("TERM", "xterm"), ("NO_COLOR", "1")], true, false),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], true, true),
            (&[("FORCE_COLOR", "1")], false, true),
            (&[("FORCE_COLOR", "")], false, false),
            (&[("FORCE_COLOR", "0"), ("TERM", "xterm")], true, false),
            (&[("CLICOLOR_FORCE", "1")], false, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
            (&[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], true, false),
            (&[("CLICOLOR", "0"), ("TERM", "xterm")], true, false),
            (&[("FORCE_COLOR", "1"), ("TERM", "dumb")], false, true),
        ];
        for (env, is_terminal, expected) in rows {
            let env: HashMap<_, _> = env.iter().copied().collect();
            let get = |name: &str| env.get(name).map(OsString::from);
            assert_eq!(Color::Auto.resolve(get, is_terminal), expected, "{env:?} {is_terminal}");
            assert!(Color::Always.resolve(get, is_terminal));
            assert!(!Color::Never.resolve(get, is_terminal));
        }
    }

    #[test]
    fn text_lines_are_coloured_and_json_lines_never() {
        let written = |terminal: Terminal, out: &Scripted| {
            let mut sink = terminal.color(Color::Always).build_with(|_| None);
            put(&mut sink, &["x"]);
            commit(&mut sink).unwrap();
            out.text()
        };
        let to = |out: &Scripted| Terminal::to("test", out.clone());
        let [plain, text, json, logfmt] = [(); 4].map(|()| Scripted::default());
        assert!(written(to(&plain), &plain).contains('\x1b'));
        assert!(written(to(&text).json().text(), &text).contains('\x1b'));
        assert!(!written(to(&json).json(), &json).contains('\x1b'));
        assert!(!written(to(&logfmt).logfmt(), &logfmt).contains('\x1b'));
    }

    #[test]
    fn the_format_is_told_whether_to_color() {
        struct Fixed(&'static str);
        impl Format for Fixed {
            fn format(&mut self, _: &Record<'_>, out: &mut Vec<u8>) {
                out.extend_from_slice(self.0.as_bytes());
            }
        }
        for (color, expected) in [(Color::Always, "colored\n"), (Color::Auto, "plain\n")] {
            let out = Scripted::default();
            let mut sink = Terminal::to("test", out.clone())
                .color(color)
                .format_with(|color| Box::new(Fixed(if color { "colored\n" } else { "plain\n" })))
                .build_with(|_| None);
            put(&mut sink, &["x"]);
            commit(&mut sink).unwrap();
            assert_eq!(out.text(), expected);
        }
    }
}
