//! What was measured, by row, peer and session.

use super::goals::Goal;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A median with the range it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` for no numbers.
    pub fn of(mut numbers: Vec<f64>) -> Option<Spread> {
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = match numbers.len() % 2 {
            0 => f64::midpoint(numbers[middle - 1], numbers[middle]),
            _ => numbers[middle],
        };
        Some(Spread { median, min, max })
    }
}

/// All runs so far.
#[derive(Default)]
pub struct Results {
    runs: BTreeMap<(String, String), Vec<(usize, Value)>>,
    failures: BTreeMap<(String, String), String>,
}

impl Results {
    pub fn add(&mut self, mode: &str, name: &str, session: usize, value: Value) {
        self.runs.entry((mode.into(), name.into())).or_default().push((session, value));
    }

    pub fn fail(&mut self, mode: &str, name: &str, why: String) {
        self.failures.insert((mode.into(), name.into()), why);
    }

    /// Who has a result in this row.
    pub fn names(&self, mode: &str) -> Vec<&str> {
        let of_mode = self.runs.keys().filter(|(its, _)| its == mode);
        of_mode.map(|(_, name)| name.as_str()).collect()
    }

    /// Who has none, and why.
    pub fn failures(&self, mode: &str) -> Vec<(&str, &str)> {
        let of_mode = self.failures.iter().filter(|((its, _), _)| its == mode);
        of_mode.map(|((_, name), why)| (name.as_str(), why.as_str())).collect()
    }

    /// The number at a JSON pointer such as `/batch/p50`, over all runs.
    pub fn spread(&self, mode: &str, name: &str, pointer: &str) -> Option<Spread> {
        Spread::of(self.numbers(mode, name, pointer).map(|(_, number)| number).collect())
    }

    /// Its median.
    pub fn median(&self, mode: &str, name: &str, pointer: &str) -> Option<f64> {
        self.spread(mode, name, pointer).map(|spread| spread.median)
    }

    /// One peer's number over another's, each session's medians against each other: the machine's
    /// mood changes between sessions, and takes both along.
    pub fn ratio(&self, mode: &str, names: (&str, &str), pointer: &str) -> Option<Spread> {
        let sessions = self.runs.values().flatten().map(|run| run.0).max().unwrap_or(0);
        let median = |name: &str, session: usize| {
            let of_session = self.numbers(mode, name, pointer).filter(|run| run.0 == session);
            Spread::of(of_session.map(|run| run.1).collect()).map(|spread| spread.median)
        };
        let ratios = (0..=sessions)
            .filter_map(|session| Some(median(names.0, session)? / median(names.1, session)?));
        Spread::of(ratios.collect())
    }

    fn numbers(&self, mode: &str, name: &str, pointer: &str) -> impl Iterator<Item = (usize, f64)> {
        let runs = self.runs.get(&(mode.to_owned(), name.to_owned())).into_iter().flatten();
        let numbers =
            runs.filter_map(|(session, value)| Some((*session, value.pointer(pointer)?.as_f64()?)));
        numbers.collect::<Vec<_>>().into_iter()
    }

    /// Everything as one JSON object.
    pub fn report(&self, goals: &[Goal]) -> Value {
        let mut rows = Map::new();
        for ((mode, name), runs) in &self.runs {
            let runs: Vec<&Value> = runs.iter().map(|run| &run.1).collect();
            rows.entry(mode).or_insert(json!({}))[name] = summary(&runs);
        }
        for ((mode, name), why) in &self.failures {
            rows.entry(mode).or_insert(json!({}))[name]["no_result"] = json!(why);
        }
        let goals: Vec<Value> = goals.iter().map(Goal::to_json).collect();
        json!({ "machine": machine(), "goals": goals, "rows": rows })
    }
}

/// The same object with each number replaced by its median, minimum and maximum.
fn summary(runs: &[&Value]) -> Value {
    let Some(first) = runs.first() else { return Value::Null };
    if let Value::Object(fields) = first {
        let of_key = |key: &String| {
            let inner: Vec<&Value> = runs.iter().filter_map(|run| run.get(key)).collect();
            (key.clone(), summary(&inner))
        };
        return fields.keys().map(of_key).collect::<Map<_, _>>().into();
    }
    match Spread::of(runs.iter().filter_map(|run| run.as_f64()).collect()) {
        Some(Spread { median, min, max }) => {
            json!({ "median": median, "min": min, "max": max, "runs": runs.len() })
        }
        None => (*first).clone(),
    }
}

fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    json!({
        "cpu": model,
        "cpus": std::thread::available_parallelism().map_or(1, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_within_a_session_and_not_across() {
        let mut results = Results::default();
        // The machine is ten times slower in the second session; the ratio is one half in both.
        for (session, ours, theirs) in [(0, 10, 20), (1, 100, 200)] {
            results.add("m", "ours", session, json!({ "ns": ours }));
            results.add("m", "theirs", session, json!({ "ns": theirs }));
        }
        let ratio = results.ratio("m", ("ours", "theirs"), "/ns");
        assert_eq!(ratio, Some(Spread { median: 0.5, min: 0.5, max: 0.5 }));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 10.0]);
        assert_eq!(spread, Some(Spread { median: 3.0, min: 1.0, max: 10.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn the_report_keeps_each_number_with_its_range() {
        let one = json!({ "a": { "b": 1 } });
        let two = json!({ "a": { "b": 3 } });
        let want = json!({ "a": { "b": { "median": 2.0, "min": 1.0, "max": 3.0, "runs": 2 } } });
        assert_eq!(summary(&[&one, &two]), want);
    }
}
