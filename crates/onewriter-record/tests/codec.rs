//! The codec: what is encoded is decoded, and nothing that is decoded panics.

use onewriter_record::{
    Body, Bytes, ControlRecord, Encode, Level, Process, Record, Section, SectionKind, Site,
    SiteDef, Thread, Value, padded, write_section,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value as a test owns it.
#[derive(Clone, Debug)]
enum Owned {
    Null,
    Bool(bool),
    I8(i8),
    I64(i64),
    I128(i128),
    U16(u16),
    U128(u128),
    F64(f64),
    Char(char),
    Str(String),
    Bytes(Vec<u8>),
    Strings(Vec<String>),
    Numbers(BTreeMap<String, u32>),
}

fn owned() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Null),
        any::<bool>().prop_map(Owned::Bool),
        any::<i8>().prop_map(Owned::I8),
        any::<i64>().prop_map(Owned::I64),
        any::<i128>().prop_map(Owned::I128),
        any::<u16>().prop_map(Owned::U16),
        any::<u128>().prop_map(Owned::U128),
        any::<f64>().prop_map(Owned::F64),
        any::<char>().prop_map(Owned::Char),
        ".{0,40}".prop_map(Owned::Str),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Owned::Bytes),
        prop::collection::vec(".{0,9}", 0..5).prop_map(Owned::Strings),
        prop::collection::btree_map(".{0,9}", any::<u32>(), 0..5).prop_map(Owned::Numbers),
    ]
}

impl Owned {
    /// Its tag, and its bytes: as many as it says.
    fn encoded(&self) -> (u8, Vec<u8>) {
        fn of(value: &impl Encode) -> (u8, Vec<u8>) {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            assert_eq!(bytes.len(), value.size());
            (value.tag() as u8, bytes)
        }
        match self {
            Owned::Null => of(&None::<bool>),
            Owned::Bool(v) => of(v),
            Owned::I8(v) => of(v),
            Owned::I64(v) => of(v),
            Owned::I128(v) => of(v),
            Owned::U16(v) => of(v),
            Owned::U128(v) => of(v),
            Owned::F64(v) => of(v),
            Owned::Char(v) => of(v),
            Owned::Str(v) => of(v),
            Owned::Bytes(v) => of(&Bytes(v)),
            Owned::Strings(v) => of(v),
            Owned::Numbers(v) => of(v),
        }
    }

    fn equals(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Owned::Null, Value::Null) => true,
            (Owned::Bool(a), Value::Bool(b)) => *a == b,
            (Owned::I8(a), Value::I8(b)) => *a == b,
            (Owned::I64(a), Value::I64(b)) => *a == b,
            (Owned::I128(a), Value::I128(b)) => *a == b,
            (Owned::U16(a), Value::U16(b)) => *a == b,
            (Owned::U128(a), Value::U128(b)) => *a == b,
            (Owned::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
            (Owned::Char(a), Value::Char(b)) => *a == b,
            (Owned::Str(a), Value::Str(b)) => a == b,
            (Owned::Bytes(a), Value::Bytes(b)) => a == b,
            (Owned::Strings(a), Value::List(b)) => b.eq(a.iter().map(|text| Value::Str(text))),
            (Owned::Numbers(a), Value::Map(b)) => {
                b.eq(a.iter().map(|(key, number)| (&**key, Value::U32(*number))))
            }
            _ => false,
        }
    }
}

fn body_of(values: &[Owned]) -> Vec<u8> {
    let (tags, values): (Vec<u8>, Vec<Vec<u8>>) = values.iter().map(Owned::encoded).unzip();
    let mut body = tags;
    body.resize(padded(body.len()), 0);
    body.extend(values.concat());
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_value_comes_back_as_it_was(values in prop::collection::vec(owned(), 0..20)) {
        let body = body_of(&values);
        let decoded: Vec<_> = Body::new(&body, false).values(values.len()).collect();
        prop_assert_eq!(decoded.len(), values.len());
        for (value, decoded) in values.iter().zip(decoded) {
            prop_assert!(value.equals(decoded), "{:?} came back as {:?}", value, decoded);
            let mut again = Vec::new();
            decoded.write(&mut again);
            prop_assert_eq!((decoded.tag() as u8, again), value.encoded());
        }
    }

    #[test]
    fn sections_stand_behind_the_values(
        values in prop::collection::vec(owned(), 0..12),
        pairs in prop::collection::vec((".{0,9}", any::<i64>()), 0..6),
        name in ".{0,9}",
    ) {
        let mut body = body_of(&values);
        let pairs: Vec<_> = pairs.iter().map(|(key, number)| (&**key, *number)).collect();
        write_section(SectionKind::Span, &name, &pairs, &mut body);
        write_section(SectionKind::Context, "", &pairs, &mut body);
        let sections: Vec<Section<'_>> = Body::new(&body, true).sections(values.len()).collect();
        let kinds: Vec<_> = sections.iter().map(|it| (it.kind, it.name)).collect();
        prop_assert_eq!(kinds, [(SectionKind::Span, &*name), (SectionKind::Context, "")]);
        for section in sections {
            let wanted = pairs.iter().map(|(key, number)| (*key, Value::I64(*number)));
            prop_assert!(section.entries.eq(wanted));
        }
    }

    #[test]
    fn a_call_site_comes_back_as_it_was_and_a_part_of_it_is_refused(
        level in 1u8..=254,
        texts in prop::array::uniform5(".{0,20}"),
        is_python in any::<bool>(),
        line in any::<u32>(),
        names in prop::collection::vec(".{0,9}", 0..5),
    ) {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let [level_name, target, module, file, function] = &texts;
        let def = SiteDef {
            level: Some(Level::new(level)), level_name, target, module, file, line, function,
            template: "plain", is_python, args: &[], fields: &names,
        };
        let mut bytes = Vec::new();
        def.encode(&mut bytes);
        let site = Site::decode(&bytes, 7).expect("what was encoded");
        let found = (&*site.target, &*site.module, &*site.file, site.line, site.number);
        prop_assert_eq!(&*site.function, &**function);
        prop_assert_eq!(found, (&**target, &**module, &**file, line, 7));
        prop_assert_eq!((site.level, site.template.to_string()), (Level::new(level), "plain".into()));
        prop_assert!(site.fields.iter().map(|it| &**it).eq(names.iter().copied()));
        for len in 0..bytes.len() {
            prop_assert!(Site::decode(&bytes[..len], 7).is_err(), "{} of {}", len, bytes.len());
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_to_an_end_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        n_values in 0usize..70,
    ) {
        let _ = Site::decode(&bytes, 0);
        let _ = ControlRecord::decode(&bytes);
        let fields = vec!["f"; n_values];
        let def = SiteDef { template: "plain", fields: &fields, ..SiteDef::default() };
        let mut site = Vec::new();
        def.encode(&mut site);
        let site = Arc::new(Site::decode(&site, 0).expect("a call site"));
        let (thread, process) = (Arc::<Thread>::default(), Arc::<Process>::default());
        let body = Body::new(&bytes, true);
        let record = Record { time: 0, site: &site, thread: &thread, process: &process, body };
        let n_read = record.fields().count() + record.context().count() + record.spans().count();
        let n_read = n_read + record.backtrace().map_or(0, str::len);
        prop_assert!(n_read <= 8 * (bytes.len() + n_values), "{} of {}", n_read, bytes.len());
    }
}

#[test]
fn names_are_read_up_to_1024_bytes_and_end_with_a_whole_character() {
    let long = format!("x{}", "\u{e4}".repeat(100_000));
    let shown = format!("x{}", "\u{e4}".repeat(511));
    assert_eq!(shown.len(), onewriter_record::NAME_MAX - 1);
    let def = SiteDef {
        level_name: &long,
        target: &long,
        module: &long,
        file: &long,
        template: "{0}",
        args: &[&long],
        fields: &[&long, "short"],
        ..SiteDef::default()
    };
    let mut bytes = Vec::new();
    def.encode(&mut bytes);
    let site = Site::decode(&bytes, 1).unwrap();
    let names = [&site.level_name, &site.target, &site.module, &site.file, &site.args[0]];
    assert!(names.into_iter().chain([&site.fields[0]]).all(|name| **name == *shown));
    assert_eq!(*site.fields[1], *"short");
    let mut bytes = Vec::new();
    ControlRecord::Thread(Thread { id: 7, name: long.into() }).encode(&mut bytes);
    let expected = ControlRecord::Thread(Thread { id: 7, name: shown.into() });
    assert_eq!(ControlRecord::decode(&bytes), Ok(expected));
}
