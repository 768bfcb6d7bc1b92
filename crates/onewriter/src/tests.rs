//! The macros, from the call to the decoded record.

use crate::put::memory::{Kept, taken};


/// What the message's arguments and fields of the only record of this thread are.
#[derive(Debug, PartialEq)]
struct Seen {
    template: String,
    args: Vec<String>,
    fields: Vec<String>,
}

fn open() {
    crate::callsite::set_interest(|_, target| !target.starts_with("closed"));
    taken();
}

fn only() -> Kept {
    let mut kept = taken();
    assert_eq!(kept.len(), 1, "records put");
    kept.remove(0)
}

fn seen() -> Seen {
    only().look(|record| Seen {
        template: record.site.template.to_string(),
        args: record.args().map(|value| format!("{value:?}")).collect(),
        fields: record.fields().map(|(key, value)| format!("{key}={value:?}")).collect(),
    })
}

#[test]
fn smoke() {
    open();
    let user = "ann";
    crate::info!("Logging int: {} int: {} double: {} {user:?}", 1, 2_u8, 3.5, id = 7);
    assert_eq!(seen(), Seen { template: String::new(), args: vec![], fields: vec![] });
}
