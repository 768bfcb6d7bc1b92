//! `docs/format.md` says what the code does.

use crate::{journal, put, queue::bell, segment, segment::header, spsc};

/// What the page's row for this name states.
fn stated<'a>(page: &'a str, name: &str) -> &'a str {
    let row = format!("| `{name}` | ");
    let line = page.lines().find_map(|line| line.strip_prefix(&row));
    let line = line.unwrap_or_else(|| panic!("docs/format.md has no row for `{name}`"));
    line.split(" |").next().unwrap_or_default()
}

macro_rules! states {
    ($page:expr, $($name:path),* $(,)?) => {
        $(assert_eq!(stated($page, &stringify!($name).replace(' ', "")), $name.to_string());)*
    };
}

#[test]
fn the_constants_of_the_format_page_are_those_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format.md");
    let page = std::fs::read_to_string(path).expect("docs/format.md");
    let page = page.as_str();
    states!(page, segment::VERSION, bell::VERSION, journal::VERSION);
    for (name, magic) in [
        ("segment::MAGIC", segment::MAGIC),
        ("bell::MAGIC", bell::MAGIC),
        ("journal::MAGIC", journal::MAGIC),
    ] {
        assert_eq!(stated(page, name).as_bytes(), magic.to_le_bytes(), "{name}");
    }
    states!(page, header::ID, header::PROCESS_ID, header::BUDGET, header::NO_BARRIER);
    states!(page, header::NAME_LEN, header::N_RINGS, header::TABLE_LEN, header::N_GIVEN_UP);
    states!(page, header::GIVEN_UP, header::GIVEN_UP_WORDS, header::MAX_GIVEN_UP);
    states!(page, segment::CONTROL_START, segment::MAX_RINGS, segment::TABLE_START);
    states!(page, segment::TABLE_MAX, segment::DATA_START, segment::BUDGET_MAX);
    states!(page, spsc::TAIL, spsc::LOST, spsc::LOST_BY_CLASS, spsc::LOST_FIRST, spsc::LOST_LAST);
    states!(page, spsc::HEAD, spsc::WAITER, spsc::LOST_SEEN, spsc::TAKEN, spsc::DATA_AT);
    states!(page, spsc::DATA_LEN);
    states!(page, spsc::CONTROL_WORDS, spsc::FRAME_HEADER, put::INTRODUCTION_TAG, put::MAX_RECORD);
    for (name, mask) in [
        ("spsc::LEN_MASK", spsc::LEN_MASK),
        ("spsc::PAD_FLAG", spsc::PAD_FLAG),
        ("spsc::SIDE_FLAG", spsc::SIDE_FLAG),
    ] {
        assert_eq!(stated(page, name), format!("{mask:#x}"));
    }
    states!(page, bell::CLOCK_AT, bell::STATE, bell::WATERMARK, bell::EVENTS, bell::JOINS);
    states!(page, bell::REQUESTED, bell::CALLS, journal::STATE, journal::CURSOR_WORDS);
    states!(page, journal::STAGE_START, journal::STAGE_MAX);
    let several = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>();
    for (name, numbers) in [
        ("segment::RING_SIZES", &segment::RING_SIZES[..]),
        ("journal::SLOTS", &journal::SLOTS),
        ("journal::CURSORS_START", &journal::CURSORS_START),
    ] {
        assert_eq!(stated(page, name), several(numbers).join(" "));
    }
}
