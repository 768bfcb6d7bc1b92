//! The whole drain over a segment that another thread keeps changing: reader, call sites, records, text
//! and JSON. It ends, and no record becomes a line out of proportion.
#![no_main]

mod image;

use arbitrary::Arbitrary;
use image::{Deed, Image};
use libfuzzer_sys::fuzz_target;
use onewriter_engine::testing::drain_passes;
use onewriter_engine::{Format, JsonFormat, LogfmtFormat, TextFormat};
use onewriter_record::{Level, Record, SiteDef};

/// A call site, nearly right: so that records get as far as the formatters.
#[derive(Arbitrary, Debug)]
struct Place<'a> {
    level: u8,
    line: u32,
    texts: [&'a str; 5],
    template: &'a str,
    is_python: bool,
    args: Vec<&'a str>,
    fields: Vec<&'a str>,
    /// Bytes in place of all that.
    raw: Option<&'a [u8]>,
}

/// A frame, nearly right.
#[derive(Arbitrary, Debug)]
struct Put<'a> {
    site: u8,
    extra: bool,
    /// Bits that make it padding, or a reference to a side file.
    flags: u8,
    stamp: u64,
    body: &'a [u8],
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    places: Vec<Place<'a>>,
    puts: Vec<Put<'a>>,
    before: Vec<Deed>,
    during: Vec<Deed>,
}

impl Place<'_> {
    fn encode(&self, table: &mut Vec<u8>) {
        let mut site = Vec::new();
        match self.raw {
            Some(bytes) => site.extend_from_slice(bytes),
            None => {
                let [level_name, target, module, file, function] = self.texts;
                let def = SiteDef {
                    level: Some(Level::new(self.level)),
                    line: self.line,
                    level_name,
                    target,
                    module,
                    file,
                    function,
                    template: self.template,
                    is_python: self.is_python,
                    args: &self.args,
                    fields: &self.fields,
                };
                def.encode(&mut site);
            }
        }
        table.extend_from_slice(&(site.len() as u64).to_le_bytes());
        table.extend_from_slice(&site);
        table.resize(table.len().next_multiple_of(8), 0);
    }
}

impl Put<'_> {
    fn encode(&self, ring: &mut Vec<u8>) {
        let len = 16 + self.body.len().next_multiple_of(8) as u64;
        // Padding and references are rare.
        let flags = if self.flags >= 0xf0 { u64::from(self.flags & 3) << 28 } else { 0 };
        let tag = u64::from(self.site % 8) | u64::from(self.extra) << 31;
        ring.extend_from_slice(&(len | flags | tag << 32).to_le_bytes());
        ring.extend_from_slice(&self.stamp.to_le_bytes());
        ring.extend_from_slice(self.body);
        ring.resize(ring.len().next_multiple_of(8), 0);
    }
}

fuzz_target!(|input: Input<'_>| {
    let (mut table, mut frames) = (Vec::new(), Vec::new());
    input.places.iter().for_each(|place| place.encode(&mut table));
    input.puts.iter().for_each(|put| put.encode(&mut frames));
    let image = Image::new(&table, &frames);
    input.before.iter().for_each(|deed| image.suffer(*deed));
    let mut formats: [Box<dyn Format>; 3] = [
        Box::new(TextFormat::default()),
        Box::new(JsonFormat::new().with_source(true)),
        Box::new(LogfmtFormat::new()),
    ];
    let mut line = Vec::new();
    image.while_suffering(&input.during, || {
        drain_passes(image::queue(), 3, &mut |record: &Record<'_>| {
            for format in &mut formats {
                line.clear();
                format.format(record, &mut line);
                assert!(line.ends_with(b"\n"));
                // A tag of one byte shows a name of at most 1024, each byte of it escaped as six.
                let most = (1 << 20) + (8 << 10) * record.body.bytes().len();
                assert!(line.len() <= most, "{} bytes of {record:?}", line.len());
            }
        });
    });
});
