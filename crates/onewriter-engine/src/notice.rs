//! What the engine itself says, among the records of a sink: losses, marks.

use onewriter_record::{Body, Encode, Out, Process, Record, Site, SiteDef, Thread};
use std::sync::Arc;

use onewriter_record::Level;

/// The number of the call site of all notices. The writer gives other call sites numbers from 1 up.
pub const NOTICE_SITE: usize = 0;

/// Makes records of level WARN and target `onewriter` that have only a message.
#[derive(Debug)]
pub struct Notices {
    site: Arc<Site>,
    thread: Arc<Thread>,
    process: Arc<Process>,
    body: Vec<u8>,
}

impl Notices {
    /// Notices that this process makes.
    #[must_use]
    pub fn new() -> Notices {
        let def = SiteDef {
            level: Some(Level::Warn),
            target: "onewriter",
            module: "onewriter",
            args: &[""],
            ..SiteDef::default()
        };
        let mut bytes = Vec::new();
        def.encode(&mut bytes);
        let site = Site::decode(&bytes, NOTICE_SITE).expect("what was just encoded is decoded");
        Notices {
            site: Arc::new(site),
            thread: Arc::default(),
            process: Arc::new(Process { id: std::process::id(), name: Box::default() }),
            body: Vec::new(),
        }
    }

    /// The record with this message.
    pub fn record(&mut self, time: u64, message: &str) -> Record<'_> {
        self.body.clear();
        self.body.bytes(&[message.tag() as u8]);
        message.write(&mut self.body);
        Record {
            time,
            site: &self.site,
            thread: &self.thread,
            process: &self.process,
            body: Body::new(&self.body, false),
        }
    }
}

impl Default for Notices {
    fn default() -> Notices {
        Notices::new()
    }
}
