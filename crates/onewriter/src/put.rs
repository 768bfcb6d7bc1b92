//! Handing a record to the ring. The only file here that names the ring.

use crate::callsite::CallSite;
use crate::context;
use onewriter_record::{EXTRA_FLAG, Out, SectionKind, padded, write_section};

#[cfg(test)]
use crate::put::memory as ring;
#[cfg(not(test))]
use onewriter_ring as ring;

pub use onewriter_ring::PutError;
pub(crate) use ring::register;

/// The place of a record in the ring, as an encoder sees it.
pub struct FrameOut<'a, 'f>(&'a mut ring::RingFrame<'f>);

impl Out for FrameOut<'_, '_> {
    #[inline(always)]
    fn word(&mut self, word: u64) {
        self.0.word(word);
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }
}

/// Puts a record: `tags` of its values, their `size` in bytes, and what writes them.
///
/// `write` writes exactly `size` bytes and runs no code of the user's.
#[inline(always)]
pub fn put<const N: usize>(
    site: &'static CallSite,
    tags: [u8; N],
    size: usize,
    write: impl FnOnce(&mut FrameOut<'_, '_>),
) -> Result<(), PutError> {
    if !context::is_empty() {
        return put_in_context(site, &tags, size, write);
    }
    let id = site.id();
    if id == 0 {
        return Err(refused());
    }
    ring::put(site.level_number(), id, padded(N) + size, |frame| {
        let mut out = FrameOut(frame);
        write_tags(&tags, &mut out);
        write(&mut out);
    })
}

/// The same for a call site with a limit: `suppressed` calls did not pass since the last one.
#[inline]
pub fn put_limited<const N: usize>(
    site: &'static CallSite,
    suppressed: u64,
    tags: [u8; N],
    size: usize,
    write: impl FnOnce(&mut FrameOut<'_, '_>),
) -> Result<(), PutError> {
    let mut section = Vec::new();
    if suppressed != 0 {
        let entries = [("suppressed", suppressed)];
        write_section(SectionKind::Fields, "", &entries, &mut section);
    }
    put_with(site, &tags, size, write, &section)
}

#[cold]
#[inline(never)]
fn put_in_context(
    site: &'static CallSite,
    tags: &[u8],
    size: usize,
    write: impl FnOnce(&mut FrameOut<'_, '_>),
) -> Result<(), PutError> {
    put_with(site, tags, size, write, &[])
}

/// Puts a record with `sections` of its own, and those of the thread's context.
pub(crate) fn put_with(
    site: &'static CallSite,
    tags: &[u8],
    size: usize,
    write: impl FnOnce(&mut FrameOut<'_, '_>),
    sections: &[u8],
) -> Result<(), PutError> {
    context::with_sections(|context| {
        let values = Values { tags, size, write };
        put_sections(site, values, [sections, context])
    })
}

/// The values of a record: their tags, their size, and what writes them.
pub(crate) struct Values<'a, W> {
    pub(crate) tags: &'a [u8],
    pub(crate) size: usize,
    pub(crate) write: W,
}

/// Puts a record with these sections and no others.
pub(crate) fn put_sections<W: FnOnce(&mut FrameOut<'_, '_>)>(
    site: &'static CallSite,
    values: Values<'_, W>,
    sections: [&[u8]; 2],
) -> Result<(), PutError> {
    let id = site.id();
    if id == 0 {
        return Err(refused());
    }
    let extra = sections[0].len() + sections[1].len();
    let tag = if extra == 0 { id } else { id | EXTRA_FLAG };
    let len = padded(values.tags.len()) + values.size + extra;
    ring::put(site.level_number(), tag, len, |frame| {
        let mut out = FrameOut(frame);
        write_tags(values.tags, &mut out);
        (values.write)(&mut out);
        for section in sections {
            out.bytes(section);
        }
    })
}

/// Eight tags to a word; a constant for the compiler where the types of the values are known.
#[inline(always)]
fn write_tags(tags: &[u8], out: &mut impl Out) {
    for chunk in tags.chunks(8) {
        let mut word = 0;
        for (at, tag) in chunk.iter().enumerate() {
            word |= u64::from(*tag) << (8 * at);
        }
        out.word(word);
    }
}

/// The call site could not be entered in the ring's table.
#[cold]
fn refused() -> PutError {
    PutError::NoMemory
}

/// In place of the ring: keeps what each thread puts, for the tests of this crate.
#[cfg(test)]
pub(crate) mod memory {
    use onewriter_record::{Body, EXTRA_FLAG, Out, Process, Record, SITE_MASK, Site, Thread};
    use onewriter_ring::PutError;
    use std::cell::RefCell;
    use std::sync::{Arc, Mutex};

    pub struct RingFrame<'a>(&'a mut Vec<u8>);

    impl RingFrame<'_> {
        pub fn word(&mut self, word: u64) {
            Out::word(self.0, word);
        }

        pub fn bytes(&mut self, bytes: &[u8]) {
            Out::bytes(self.0, bytes);
        }
    }

    /// One record that a thread put.
    pub struct Kept {
        pub level: u8,
        pub site: Site,
        bytes: Vec<u8>,
        has_sections: bool,
    }

    impl Kept {
        pub fn look<R>(&self, look: impl FnOnce(&Record<'_>) -> R) -> R {
            look(&Record {
                time: 0,
                site: &self.site,
                thread: &Thread::default(),
                process: &Process::default(),
                body: Body::new(&self.bytes, self.has_sections),
            })
        }
    }

    static SITES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

    thread_local! {
        static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
        static CAPACITY: std::cell::Cell<usize> = const { std::cell::Cell::new(usize::MAX) };
    }

    pub fn put(
        level: u8,
        tag: u32,
        len: usize,
        fill: impl FnOnce(&mut RingFrame<'_>),
    ) -> Result<(), PutError> {
        if CAPACITY.get() < len {
            return Err(PutError::Full);
        }
        let mut bytes = Vec::new();
        fill(&mut RingFrame(&mut bytes));
        assert_eq!(bytes.len(), len, "the encoder wrote another length than it said");
        let number = (tag & SITE_MASK) as usize;
        let site = Site::decode(&SITES.lock().unwrap()[number - 1], number).unwrap();
        let has_sections = tag & EXTRA_FLAG != 0;
        KEPT.with_borrow_mut(|kept| kept.push(Kept { level, site, bytes, has_sections }));
        Ok(())
    }

    pub fn register(bytes: &[u8]) -> Option<u32> {
        let mut sites = SITES.lock().unwrap();
        sites.push(bytes.to_vec());
        Some(sites.len() as u32)
    }

    /// What this thread put since the last time.
    pub fn taken() -> Vec<Kept> {
        KEPT.take()
    }

    /// Records of this thread larger than this are refused.
    pub fn set_capacity(bytes: usize) {
        CAPACITY.set(bytes);
    }
}
