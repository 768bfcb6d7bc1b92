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
    static REMEMBERED: [Cell<Option<&'static CallSite>>; N_REMEMBERED] =
        const { [const { Cell::new(None) }; N_REMEMBERED] };
}

/// The call site of this place. Its message is one rendered argument, and it has no fields.
#[inline]
pub(crate) fn find(place: &Place<'_>) -> &'static CallSite {
    let spread = place.file.as_ptr().addr()
        ^ (place.line as usize).wrapping_mul(0x9e37_79b1)
        ^ place.target.as_ptr().addr() >> 3
        ^ usize::from(place.level.number());
    REMEMBERED.with(|remembered| {
        let slot = &remembered[(spread ^ spread >> 8) % N_REMEMBERED];
        match slot.get() {
            Some(site) if is_at(site.def(), place) => site,
            _ => {
                let site = find_slowly(place);
                slot.set(Some(site));
                site
            }
        }
    })
}

fn is_at(def: &SiteDef<'static>, place: &Place<'_>) -> bool {
    def.line == place.line
        && def.level == Some(place.level)
        && same(def.file, place.file)
        && same(def.target, place.target)
        && same(def.module, place.module)
}

#[inline]
fn same(left: &str, right: &str) -> bool {
    std::ptr::eq(left, right) || left == right
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
