//! Call sites of records that come without a static of ours: from `log`, and from panics.

use crate::callsite::CallSite;
use onewriter_record::{Level, SiteDef};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What tells such call sites apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place<'a> {
    pub(crate) level: Level,
    pub(crate) target: &'a str,
    pub(crate) module: &'a str,
    pub(crate) file: &'a str,
    pub(crate) line: u32,
}

/// Call sites live for ever, and targets may be made at run time: beyond this many places their
/// target and file are no longer kept apart.
const MAX_PLACES: usize = 65_536;
/// Call sites that a thread remembers.
const N_REMEMBERED: usize = 256;

thread_local! {
    static REMEMBERED: [Cell<Option<&'static Found>>; N_REMEMBERED] =
        const { [const { Cell::new(None) }; N_REMEMBERED] };
}

/// A call site and the whereabouts of static texts of its place.
#[repr(C)]
pub(crate) struct Found {
    file_at: AtomicUsize,
    target_at: AtomicUsize,
    line: u32,
    level: Level,
    site: CallSite,
}

/// The call site of this place. Its message is one rendered argument, and it has no fields.
///
/// `is_static` says that the place's texts are never freed: then the same address is the same text.
#[inline]
pub(crate) fn find(place: &Place<'_>, is_static: bool) -> &'static CallSite {
    let (file_at, target_at) = (whereabouts(place.file), whereabouts(place.target));
    let spread = file_at ^ place.line as usize ^ target_at >> 3;
    REMEMBERED.with(|remembered| {
        let slot = &remembered[(spread ^ spread >> 8) % N_REMEMBERED];
        if let Some(found) = slot.get()
            && found.line == place.line
            && found.level == place.level
            && (is_static
                && found.file_at.load(Relaxed) == file_at
                && found.target_at.load(Relaxed) == target_at
                || is_at(found.site.def(), place))
        {
            return &found.site;
        }
        let found = find_slowly(place);
        if is_static {
            // Whatever two threads leave here together, each is of a text of this very place.
            found.file_at.store(file_at, Relaxed);
            found.target_at.store(target_at, Relaxed);
        }
        slot.set(Some(found));
        &found.site
    })
}

/// Address and length of a text in one word.
#[inline]
fn whereabouts(text: &str) -> usize {
    text.as_ptr().addr() ^ text.len().rotate_right(16)
}

fn is_at(def: &SiteDef<'static>, place: &Place<'_>) -> bool {
    def.file == place.file && def.target == place.target && def.module == place.module
}

pub(crate) type Places = HashMap<Place<'static>, &'static Found>;

static PLACES: Mutex<Option<Places>> = Mutex::new(None);

/// The places that were met.
pub(crate) fn places() -> MutexGuard<'static, Option<Places>> {
    crate::fork::survive();
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
#[inline(never)]
fn find_slowly(place: &Place<'_>) -> &'static Found {
    let mut places = places();
    let places = places.get_or_insert_default();
    if let Some(found) = places.get(place) {
        return found;
    }
    let lumped = Place { target: "(too many targets)", module: "", file: "", line: 0, ..*place };
    let place = if places.len() < MAX_PLACES { *place } else { lumped };
    if let Some(found) = places.get(&place) {
        return found;
    }
    let kept = Place {
        target: keep(place.target),
        module: keep(place.module),
        file: keep(place.file),
        ..place
    };
    let site = CallSite::new(SiteDef {
        level: Some(kept.level),
        target: kept.target,
        module: kept.module,
        file: kept.file,
        line: kept.line,
        args: &[""],
        ..SiteDef::default()
    });
    let (file_at, target_at) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Found { file_at, target_at, line: kept.line, level: kept.level, site };
    let found: &'static Found = Box::leak(Box::new(found));
    places.insert(kept, found);
    found
}

fn keep(text: &str) -> &'static str {
    String::from(text).leak()
}
