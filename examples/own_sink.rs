//! A sink of your own: collect in `record`, write in `commit`. This one sends lines over TCP.

use onewriter::{Context, Error, ErrorKind, Format, LogfmtFormat, Record, Sink, info, sink};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

struct Tcp {
    stream: TcpStream,
    format: LogfmtFormat,
    lines: Vec<u8>,
}

impl Sink for Tcp {
    fn name(&self) -> String {
        "tcp".to_owned()
    }

    fn record(&mut self, record: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.format.format(record, &mut self.lines);
        Ok(())
    }

    /// After an error it is called again; what is pending is still in the queue meanwhile.
    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        while !self.lines.is_empty() {
            let n = self.stream.write(&self.lines).map_err(|err| {
                Error::new(ErrorKind::Io, format!("cannot write to the collector: {err}"))
            })?;
            self.lines.drain(..n);
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.lines.len()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let collector = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(collector.local_addr()?)?;
    let tcp = Tcp { stream, format: LogfmtFormat::new(), lines: Vec::new() };

    // A network may stall, so it gets a thread of its own; a file needs none.
    let tcp = sink::Lane::new(tcp, onewriter::LaneOptions::default())?;
    let log = onewriter::builder().sink(tcp).install()?;
    info!("order {} placed", 7, customer = "c-42");
    log.shutdown(Duration::from_secs(5))?;

    let mut received = String::new();
    collector.accept()?.0.read_to_string(&mut received)?;
    assert!(received.contains("msg=\"order 7 placed\" customer=c-42"), "{received}");
    print!("{received}");
    Ok(())
}
