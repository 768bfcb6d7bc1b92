//! What `serve` is told: one queue and its sinks.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::Offered;
use super::plan::Plan;
use super::raw::{Origin, Raw, Source};

/// The keys of `serve` besides those of a sink.
const NAME: &str = "name";
const SINKS: &str = "sink";

/// What becomes of a line of input is no setting of a writer.
const NOT_OF_SINKS: [&str; 6] = ["level", "guess-level", "target", "parse", "max-line", "grace"];

/// What may stand in the file.
const OFFERED: Offered<'_> = Offered { more: &[NAME, SINKS], without: &NOT_OF_SINKS };

/// A queue and the sinks of its writer.
#[derive(Clone, Debug, PartialEq)]
pub struct ServePlan {
    /// The name of the queue; `None`: it is named after the file.
    pub name: Option<String>,
    /// The sinks; each plan may have a file and the terminal.
    pub sinks: Vec<Plan>,
}

impl ServePlan {
    /// Reads a TOML file: the settings of one sink, as `pipe` has them; or `name = "shop"` and
    /// `[[sink]]` tables with such settings.
    ///
    /// ```
    /// use onewriter_cli::config::ServePlan;
    /// let plan = ServePlan::parse("name = \"shop\"\n[[sink]]\nfile = \"a.log\"", "serve.toml").unwrap();
    /// assert_eq!((plan.name.as_deref(), plan.sinks.len()), (Some("shop"), 1));
    /// assert_eq!(
    ///     ServePlan::parse("nmae = \"shop\"", "serve.toml").unwrap_err(),
    ///     "serve.toml:1: unknown key \"nmae\": did you mean \"name\"?"
    /// );
    /// ```
    ///
    /// # Errors
    /// A sentence with the line: no TOML, an unknown key, a wrong value, no file to name the queue
    /// after.
    pub fn parse(text: &str, name: &str) -> Result<ServePlan, String> {
        let source = Source { text, name };
        let table = source.table()?;
        let (mut queue, mut tables, mut outer) = (None, None, Raw::default());
        for (key, value) in table.get_ref() {
            let at = format!("{name}:{}", source.line(key.span().start));
            match (&**key.get_ref(), value.get_ref()) {
                (NAME, DeValue::String(text)) => queue = Some(checked(text, &at)?),
                (NAME, _) => return Err(format!("{at}: {NAME}: give a string such as \"shop\"")),
                (SINKS, DeValue::Array(found)) => tables = Some((at, found)),
                (SINKS, _) => {
                    return Err(format!("{at}: {SINKS}: write [[{SINKS}]] above each sink"));
                }
                _ => outer.put_toml(source, key, value, &OFFERED)?,
            }
        }
        let Some((at, tables)) = tables else {
            let plan = plan(&outer)?;
            if queue.is_none() && plan.file.is_none() {
                return Err(format!(
                    "{name}: there is no file after which the queue could be named: give file = \
                     \"shop.log\", or name = \"shop\""
                ));
            }
            if !has_place(&outer) {
                return Err(format!(
                    "{name}: there is no sink: give file = \"shop.log\", stdout = true or stderr = true, or \
                     [[{SINKS}]] tables with these"
                ));
            }
            return Ok(ServePlan { name: queue, sinks: vec![plan] });
        };
        if let Some(setting) = outer.settings().first() {
            return Err(format!(
                "{setting}: is the setting of a sink: move it below a [[{SINKS}]]"
            ));
        }
        if queue.is_none() {
            return Err(format!(
                "{at}: several sinks need a queue with a name: give name = \"shop\""
            ));
        }
        let sinks: Vec<Plan> =
            tables.iter().map(|table| sink(source, table)).collect::<Result<_, _>>()?;
        if let Some(file) = twice(&sinks) {
            return Err(format!(
                "{at}: two sinks write {}: give each line one, or another file",
                file.display()
            ));
        }
        Ok(ServePlan { name: queue, sinks })
    }

    /// Whether both write the same queue.
    #[must_use]
    pub fn is_same_queue(&self, other: &ServePlan) -> bool {
        let file =
            |plan: &ServePlan| plan.sinks.first()?.file.as_ref().map(|file| file.path.clone());
        self.name == other.name && (self.name.is_some() || file(self) == file(other))
    }

    /// Whether both say the same, wherever it is written.
    #[must_use]
    pub fn is_same(&self, other: &ServePlan) -> bool {
        let pairs = || self.sinks.iter().zip(&other.sinks);
        self.name == other.name
            && self.sinks.len() == other.sinks.len()
            && pairs().all(|(one, other)| one.is_same(other))
    }
}

fn sink(source: Source<'_>, table: &Spanned<DeValue<'_>>) -> Result<Plan, String> {
    let line = source.line(table.span().start);
    let DeValue::Table(settings) = table.get_ref() else {
        return Err(format!("{}:{line}: {SINKS}: write [[{SINKS}]] above each sink", source.name));
    };
    let mut raw = Raw::default();
    for (key, value) in settings as &DeTable<'_> {
        raw.put_toml(source, key, value, &Offered { more: &[], ..OFFERED })?;
    }
    if !has_place(&raw) {
        return Err(format!(
            "{}:{line}: a sink without a place: give file = \"shop.log\", stdout = true or stderr \
             = true",
            source.name
        ));
    }
    plan(&raw)
}

fn has_place(raw: &Raw) -> bool {
    ["file", "stdout", "stderr"].iter().any(|name| raw.get(name).is_some())
}

/// A file that two sinks name, in whatever way.
fn twice(sinks: &[Plan]) -> Option<PathBuf> {
    let mut met = HashSet::new();
    let files = sinks.iter().filter_map(|plan| plan.file.as_ref());
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    files.filter_map(|file| real(file.path.as_ref())).find(|path| !met.insert(path.clone()))
}

fn plan(raw: &Raw) -> Result<Plan, String> {
    let of_input = |name: &&str| raw.get(name).is_some();
    if let Some(setting) =
        NOT_OF_SINKS.iter().find(|name| of_input(name)).and_then(|it| raw.get(it))
    {
        debug_assert!(matches!(setting.origin, Origin::File(..)));
        return Err(format!("{setting}: is a setting of pipe and run: records bring their own"));
    }
    Plan::new(raw)
}

/// The rule of queue names, here so that a wrong one is refused with its line.
fn checked(name: &str, at: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(format!("{at}: name = {name:?}: use 1 to 64 letters, digits, '.', '_' or '-'"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(ServePlan::parse(text, "serve.toml").unwrap_err(), message);
    }

    #[test]
    fn a_file_alone_or_a_name_with_sinks_is_a_queue() {
        let parse = |text: &str| ServePlan::parse(text, "serve.toml").unwrap();
        let simple = parse("file = \"a.log\"\nkeep = 7\n");
        assert_eq!((simple.name.as_ref(), simple.sinks.len()), (None, 1));
        let several =
            parse("name = \"shop\"\n[[sink]]\nfile = \"a.log\"\n[[sink]]\nstderr = true\n");
        let files: Vec<_> = several.sinks.iter().map(|plan| plan.file.is_some()).collect();
        assert_eq!((several.name.as_deref(), files), (Some("shop"), vec![true, false]));
        assert!(simple.is_same_queue(&parse("# another line\nfile = \"a.log\"")));
        assert!(simple.is_same(&parse("# another line\nfile = \"a.log\"\nkeep = 7")));
        assert!(!simple.is_same(&parse("file = \"a.log\"")));
        assert!(!simple.is_same_queue(&parse("file = \"b.log\"")));
        assert!(!simple.is_same_queue(&several));
    }

    #[test]
    fn what_serve_refuses_it_does_not_offer() {
        let of_sinks = "file, stdout, stderr, format, min-level, rotate, names, utc, keep, keep-for, \
                        keep-bytes, compress, link, mode, fsync";
        let unknown =
            format!("serve.toml:1: unknown key \"levl\": there are {of_sinks}, name, sink");
        refused("levl = \"warn\"", &unknown);
        let unknown = format!("serve.toml:3: unknown key \"targe\": there are {of_sinks}");
        refused("name = \"shop\"\n[[sink]]\ntarge = \"shop\"", &unknown);
        refused("fyle = \"a.log\"", "serve.toml:1: unknown key \"fyle\": did you mean \"file\"?");
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        refused("fiel = \"a\"", "serve.toml:1: unknown key \"fiel\": did you mean \"file\"?");
        refused("snik = 1", "serve.toml:1: unknown key \"snik\": did you mean \"sink\"?");
        refused("\nname = 7", "serve.toml:2: name: give a string such as \"shop\"");
        refused(
            "name = \"a b\"",
            "serve.toml:1: name = \"a b\": use 1 to 64 letters, digits, '.', '_' or '-'",
        );
        refused("sink = 1", "serve.toml:1: sink: write [[sink]] above each sink");
        refused(
            "name = \"shop\"\nkeep = 7\n[[sink]]\nfile = \"a.log\"",
            "serve.toml:2: keep = 7: is the setting of a sink: move it below a [[sink]]",
        );
        refused(
            "[[sink]]\nfile = \"a.log\"",
            "serve.toml:1: several sinks need a queue with a name: give name = \"shop\"",
        );
        refused(
            "name = \"shop\"\n[[sink]]\nkeep = 7",
            "serve.toml:2: a sink without a place: give file = \"shop.log\", stdout = true or \
             stderr = true",
        );
        refused(
            "name = \"shop\"\n[[sink]]\nfile = \"a.log\"\nlevel = \"warn\"",
            "serve.toml:4: level = \"warn\": is a setting of pipe and run: records bring their own",
        );
        refused(
            "stderr = true",
            "serve.toml: there is no file after which the queue could be named: give file = \
             \"shop.log\", or name = \"shop\"",
        );
        refused(
            "name = \"shop\"",
            "serve.toml: there is no sink: give file = \"shop.log\", stdout = true or stderr = true, or \
             [[sink]] tables with these",
        );
        let file = std::path::absolute("a.log").unwrap();
        refused(
            "name = \"shop\"\n[[sink]]\nfile = \"a.log\"\n[[sink]]\nfile = \"./a.log\"",
            &format!(
                "serve.toml:2: two sinks write {}: give each line one, or another file",
                file.display()
            ),
        );
        refused(
            "name = \"shop\"\nkeep = 7",
            "serve.toml:2: keep = 7: there is no file: give --file",
        );
    }
}
