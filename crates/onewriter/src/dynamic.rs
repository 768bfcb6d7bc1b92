//! Call sites of records that come without a static of ours: from `log`, and from panics.

use crate::callsite::CallSite;
use onewriter_record::{Level, SiteDef};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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
    static REMEMBERED: [Cell<Option<Remembered>>; N_REMEMBERED] =
        const { [const { Cell::new(None) }; N_REMEMBERED] };
}

/// A call site and where the texts of its place were.
#[derive(Clone, Copy)]
struct Remembered {
    file: *const str,
    target: *const str,
    line: u32,
    level: Level,
    site: &'static CallSite,
}

/// The call site of this place. Its message is one rendered argument, and it has no fields.
///
/// `is_static` says that the place's texts are never freed: then the same address is the same text.
#[inline]
pub(crate) fn find(place: &Place<'_>, is_static: bool) -> &'static CallSite {
    let (file, target): (*const str, *const str) = (place.file, place.target);
    let spread = file.cast::<u8>().addr() ^ place.line as usize ^ target.cast::<u8>().addr() >> 3;
    REMEMBERED.with(|remembered| {
        let slot = &remembered[(spread ^ spread >> 8) % N_REMEMBERED];
        if let Some(known) = slot.get()
            && known.line == place.line
            && known.level == place.level
            && (is_static && std::ptr::eq(known.file, file) && std::ptr::eq(known.target, target)
                || is_at(known.site.def(), place))
        {
            return known.site;
        }
        let site = find_slowly(place);
        let Place { line, level, .. } = *place;
        slot.set(Some(Remembered { file, target, line, level, site }));
        site
    })
}

fn is_at(def: &SiteDef<'static>, place: &Place<'_>) -> bool {
    def.file == place.file && def.target == place.target && def.module == place.module
}

#[cold]
#[inline(never)]
fn find_slowly(place: &Place<'_>) -> &'static CallSite {
    static PLACES: Mutex<Option<HashMap<Place<'static>, &'static CallSite>>> = Mutex::new(None);
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    let places = places.get_or_insert_default();
    if let Some(site) = places.get(place) {
        return site;
    }
    let lumped = Place { target: "(too many targets)", module: "", file: "", line: 0, ..*place };
    let place = if places.len() < MAX_PLACES { *place } else { lumped };
    if let Some(site) = places.get(&place) {
        return site;
    }
    let kept = Place {
        target: keep(place.target),
        module: keep(place.module),
        file: keep(place.file),
        ..place
    };
    let site: &'static CallSite = Box::leak(Box::new(CallSite::new(SiteDef {
        level: Some(kept.level),
        target: kept.target,
        module: kept.module,
        file: kept.file,
        line: kept.line,
        args: &[""],
        ..SiteDef::default()
    })));
    places.insert(kept, site);
    site
}

fn keep(text: &str) -> &'static str {
    String::from(text).leak()
}
