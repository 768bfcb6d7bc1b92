//! The table of all settings: flags, variables, keys of the file and the manual follow from it.

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file; the flag is `--name`, the variable `ONEWRITER_NAME`.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// The value if nothing is written, as a TOML value; empty: there is none.
    pub default: &'static str,
    /// An example of a value, as a TOML value.
    pub example: &'static str,
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Count,
    /// A string with a unit, or a number of bytes.
    Size,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, example: &'static str) -> Key {
    Key { name, kind, default, example }
}

/// All settings, in the order in which they are printed.
pub const KEYS: [Key; 21] = [
    key("file", Kind::Text, "", "\"shop.log\""),
    key("stdout", Kind::Bool, "", "true"),
    key("stderr", Kind::Bool, "false", "true"),
    key("format", Kind::Text, "\"text\"", "\"json\""),
    key("min-level", Kind::Text, "\"all\"", "\"info\""),
    key("rotate", Kind::Text, "\"never\"", "\"100 MB or daily\""),
    key("names", Kind::Text, "\"index\"", "\"%Y-%m-%d\""),
    key("utc", Kind::Bool, "false", "true"),
    key("keep", Kind::Count, "", "7"),
    key("keep-for", Kind::Text, "", "\"30 days\""),
    key("keep-bytes", Kind::Size, "", "\"10 GB\""),
    key("compress", Kind::Text, "\"none\"", "\"gzip\""),
    key("link", Kind::Text, "", "\"current.log\""),
    key("mode", Kind::Text, "", "\"640\""),
    key("fsync", Kind::Text, "\"never\"", "\"1s\""),
    key("level", Kind::Text, "\"info\"", "\"warn\""),
    key("guess-level", Kind::Bool, "false", "true"),
    key("target", Kind::Text, "", "\"shop\""),
    key("parse", Kind::Text, "\"lines\"", "\"json\""),
    key("max-line", Kind::Size, "\"1 MiB\"", "\"64 KiB\""),
    key("grace", Kind::Text, "\"2s\"", "\"500ms\""),
];

/// Which keys are offered for one that is not known.
#[derive(Clone, Copy, Default)]
pub(super) struct Offered<'a> {
    /// Those that can stand there besides.
    pub(super) more: &'a [&'a str],
    /// Those that would be refused there.
    pub(super) without: &'a [&'a str],
}

impl Key {
    /// The setting of this name, or a sentence that names the nearest one.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn find(name: &str) -> Result<&'static Key, String> {
        Key::find_for(name, &Offered::default())
    }

    /// The same, where other keys than all of these are offered instead.
    pub(super) fn find_for(name: &str, offered: &Offered<'_>) -> Result<&'static Key, String> {
        let known = || {
            let own = KEYS.iter().map(|key| key.name);
            let own = own.filter(|key| !offered.without.contains(key));
            own.chain(offered.more.iter().copied()).map(str::to_owned).collect()
        };
        KEYS.iter().find(|key| key.name == name).ok_or_else(|| unknown(name, known()))
    }

    /// The setting of this variable, or a sentence that names the nearest one.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn of_variable(name: &str) -> Result<&'static Key, String> {
        let found = KEYS.iter().find(|key| key.variable() == name);
        found.ok_or_else(|| unknown(name, KEYS.iter().map(Key::variable).collect()))
    }

    /// `ONEWRITER_MAX_LINE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ONEWRITER_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

fn unknown(name: &str, names: Vec<String>) -> String {
    let near = |known: &String| strsim::damerau_levenshtein(name, known);
    match names.iter().min_by_key(|name| near(name)) {
        // A third of it may be wrong: enough for a slip, too little for another word.
        Some(best) if near(best) <= best.len().div_ceil(3).max(2) => {
            format!("unknown key {name:?}: did you mean {best:?}?")
        }
        _ => format!("unknown key {name:?}: there are {}", names.join(", ")),
    }
}
