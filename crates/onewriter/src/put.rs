//! Handing a record to the ring. The only file here that names the ring.

use crate::callsite::CallSite;
use crate::context;
use onewriter_record::{EXTRA_FLAG, Out, SectionKind, Tag, padded, write_section};

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
/// `write` writes exactly `size` bytes and runs no code of the user's. A record that is not
/// accepted is counted by the ring, and the log says how many there were.
#[inline(always)]
pub fn put<const N: usize>(
    site: &'static CallSite,
    tags: [Tag; N],
    size: usize,
    write: impl Fn(&mut FrameOut<'_, '_>),
) {
    // Nearly always one queue wants the record.
    let Some(slot) = site.queues().only().filter(|_| context::is_empty()) else {
        put_elsewhere(site, tags, size, write);
        return;
    };
    let Ok(id) = number(site) else { return };
    let _ = ring::put(slot, site.level_number(), id, padded(N) + size, move |frame| {
        let mut out = FrameOut(frame);
        write_tags(&tags, &mut out);
        write(&mut out);
    });
}

/// With a context, or into several queues. It takes `write` as a value, so that the common way keeps
/// what is written in registers.
#[cold]
#[inline(never)]
fn put_elsewhere<const N: usize>(
    site: &'static CallSite,
    tags: [Tag; N],
    size: usize,
    write: impl Fn(&mut FrameOut<'_, '_>),
) {
    put_with(site, &tags, size, write, &[]);
}

/// The same for a call site with a limit: `suppressed` calls did not pass since the last one.
pub fn put_limited<const N: usize>(
    site: &'static CallSite,
    suppressed: u64,
    tags: [Tag; N],
    size: usize,
    write: impl Fn(&mut FrameOut<'_, '_>),
) {
    put_with(site, &tags, size, write, &suppressed_section(suppressed));
}

/// The same, but it waits for no room, and says why a record was not accepted.
pub fn try_put<const N: usize>(
    site: &'static CallSite,
    tags: [Tag; N],
    size: usize,
    write: impl Fn(&mut FrameOut<'_, '_>),
) -> Result<(), PutError> {
    try_put_limited(site, 0, tags, size, write)
}

/// [`try_put`] for a call site with a limit.
pub fn try_put_limited<const N: usize>(
    site: &'static CallSite,
    suppressed: u64,
    tags: [Tag; N],
    size: usize,
    write: impl Fn(&mut FrameOut<'_, '_>),
) -> Result<(), PutError> {
    let own = suppressed_section(suppressed);
    context::with_sections(|context| {
        let values = Values { tags: &tags, size, write };
        let frame = values.frame(site, [&own, context])?;
        site.queues()
            .each(|slot| ring::try_put(slot, frame.level, frame.tag, frame.len, &frame.fill))
    })
}

fn suppressed_section(suppressed: u64) -> Vec<u8> {
    let mut section = Vec::new();
    if suppressed != 0 {
        let entries = [("suppressed", suppressed)];
        write_section(SectionKind::Fields, "", &entries, &mut section);
    }
    section
}

/// Puts a record with `sections` of its own, and those of the thread's context.
pub(crate) fn put_with(
    site: &'static CallSite,
    tags: &[Tag],
    size: usize,
    write: impl Fn(&mut FrameOut<'_, '_>),
    sections: &[u8],
) {
    context::with_sections(|context| {
        put_sections(site, Values { tags, size, write }, [sections, context]);
    });
}

/// Puts a record with these sections and no others.
pub(crate) fn put_sections<W: Fn(&mut FrameOut<'_, '_>)>(
    site: &'static CallSite,
    values: Values<'_, W>,
    sections: [&[u8]; 2],
) {
    if let Ok(frame) = values.frame(site, sections) {
        let _ = site
            .queues()
            .each(|slot| ring::put(slot, frame.level, frame.tag, frame.len, &frame.fill));
    }
}

/// The values of a record: their tags, their size, and what writes them.
pub(crate) struct Values<'a, W> {
    pub(crate) tags: &'a [Tag],
    pub(crate) size: usize,
    pub(crate) write: W,
}

/// What the ring is to be told.
struct Frame<F> {
    level: u8,
    tag: u32,
    len: usize,
    fill: F,
}

impl<'a, W: Fn(&mut FrameOut<'_, '_>)> Values<'a, W> {
    fn frame(
        self,
        site: &'static CallSite,
        sections: [&'a [u8]; 2],
    ) -> Result<Frame<impl Fn(&mut ring::RingFrame<'_>)>, PutError> {
        let extra = sections[0].len() + sections[1].len();
        Ok(Frame {
            level: site.level_number(),
            tag: number(site)? | if extra == 0 { 0 } else { EXTRA_FLAG },
            len: padded(self.tags.len()) + self.size + extra,
            fill: move |frame: &mut ring::RingFrame<'_>| {
                let mut out = FrameOut(frame);
                write_tags(self.tags, &mut out);
                (self.write)(&mut out);
                for section in sections {
                    out.bytes(section);
                }
            },
        })
    }
}

/// The call site's number in the ring's table.
#[inline(always)]
fn number(site: &'static CallSite) -> Result<u32, PutError> {
    match site.id() {
        0 => enter_table(site),
        id => Ok(id),
    }
}

/// There was no queue when the call site was reached, or no room in its table.
#[cold]
#[inline(never)]
fn enter_table(site: &'static CallSite) -> Result<u32, PutError> {
    match site.enter_table() {
        0 => {
            site.queues().each(|slot| {
                onewriter_ring::count_lost_unseen(slot);
                Err(PutError::NoMemory)
            })?;
            // No queue wants it any more.
            Err(PutError::Closed)
        }
        id => Ok(id),
    }
}

/// Eight tags to a word; a constant for the compiler where the types of the values are known.
#[inline(always)]
fn write_tags(tags: &[Tag], out: &mut impl Out) {
    for chunk in tags.chunks(8) {
        let mut word = 0;
        for (at, tag) in chunk.iter().enumerate() {
            word |= (*tag as u64) << (8 * at);
        }
        out.word(word);
    }
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
                site: &Arc::new(self.site.clone()),
                thread: &Arc::new(Thread::default()),
                process: &Arc::new(Process::default()),
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
        _slot: usize,
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

    pub fn try_put(
        slot: usize,
        level: u8,
        tag: u32,
        len: usize,
        fill: impl FnOnce(&mut RingFrame<'_>),
    ) -> Result<(), PutError> {
        put(slot, level, tag, len, fill)
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
