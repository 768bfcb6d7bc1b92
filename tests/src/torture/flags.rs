//! What the user asks for.

use std::path::PathBuf;

/// What the command takes, for its help.
pub const HELP: &str = "\
usage: torture [--minutes N] [--seed S] [--round R] [--short] [--keep] [--json FILE]

  --minutes N   rounds are begun for so long; 1 if not given
  --seed S      what happens is the seed's; one that is not given is made up and printed
  --round R     only this round of the seed, as a red one says
  --short       one round of each kind, each of a second or two, whatever the minutes
  --keep        leaves the folder of a red round in /dev/shm
  --json FILE   writes the totals there too
";

/// What the user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Rounds are begun for so long.
    pub minutes: u64,
    /// Decides what happens.
    pub seed: Option<u64>,
    /// Only this round.
    pub round: Option<u64>,
    /// One short round of each kind.
    pub is_short: bool,
    /// The folder of a red round is left.
    pub keep: bool,
    /// Where the totals go too.
    pub json: Option<PathBuf>,
}

impl Flags {
    /// Reads the arguments; the error says what is wrong with them.
    pub fn parse(args: &[String]) -> Result<Flags, String> {
        let mut flags = Flags { minutes: 1, ..Flags::default() };
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            let mut value =
                |example: &str| args.next().ok_or(format!("{flag} needs {example}")).cloned();
            match flag.as_str() {
                "--minutes" => {
                    let text = value("a number, such as 10")?;
                    flags.minutes =
                        text.parse().ok().filter(|n| (1..=10_000).contains(n)).ok_or(format!(
                            "--minutes {text:?} is no whole number from 1 to 10000, such as 10"
                        ))?;
                }
                "--seed" => flags.seed = Some(number(flag, &value("a number, such as 7")?)?),
                "--round" => flags.round = Some(number(flag, &value("a number, such as 3")?)?),
                "--short" => flags.is_short = true,
                "--keep" => flags.keep = true,
                "--json" => flags.json = Some(value("a file, such as totals.json")?.into()),
                other => return Err(format!("torture does not know {other:?}\n\n{HELP}")),
            }
        }
        if flags.round.is_some() && flags.seed.is_none() {
            return Err("--round needs the --seed that it belongs to".to_owned());
        }
        Ok(flags)
    }
}

fn number(flag: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{flag} {text:?} is no whole number, such as 7"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Flags, String> {
        let args: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Flags::parse(&args)
    }

    #[test]
    fn flags_are_taken_in_any_order() {
        let wanted = Flags {
            minutes: 3,
            seed: Some(7),
            round: Some(2),
            is_short: true,
            keep: true,
            json: Some("x.json".into()),
        };
        let text = "--json x.json --keep --seed 7 --short --round 2 --minutes 3";
        assert_eq!(parsed(text), Ok(wanted));
        assert_eq!(parsed(""), Ok(Flags { minutes: 1, ..Flags::default() }));
    }

    #[test]
    fn bad_flags_are_named_with_what_would_be_right() {
        let cases = [
            ("--minutes", "--minutes needs a number, such as 10"),
            ("--minutes 0", "--minutes \"0\" is no whole number from 1 to 10000, such as 10"),
            ("--seed x", "--seed \"x\" is no whole number, such as 7"),
            ("--round 3", "--round needs the --seed that it belongs to"),
            ("--json", "--json needs a file, such as totals.json"),
        ];
        for (text, message) in cases {
            assert_eq!(parsed(text), Err(message.to_owned()), "{text}");
        }
        let unknown = parsed("--fast").unwrap_err();
        assert!(unknown.starts_with("torture does not know \"--fast\"\n\nusage: "), "{unknown}");
    }
}
