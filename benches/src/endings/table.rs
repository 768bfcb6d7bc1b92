//! The tables, as Markdown.

use super::Row;
use super::count::Count;
use super::stage::{Cell, ENDINGS, Results};
use super::victim::{CHILDREN, LINES, PAIR_LINES};
use crate::report::{self, grouped, line};
use std::path::Path;

/// Both tables, with what they were measured on.
pub fn render(played: &[(&Row, Results)], runs: usize, place: &Path) -> String {
    let mut endings = vec![line(["logger"].into_iter().chain(ENDINGS.map(|(_, title)| title)))];
    let mut others = vec![line(["logger", "forked children", "two programs, rotating"])];
    for (row, results) in played {
        let name = format!("{} {}", row.krate, report::version(row.krate));
        let title = format!("{name} ({})", row.setup);
        endings.push(cells(title, &results.at_once));
        if row.has_heirs {
            endings.push(cells("the same, then the next program".to_owned(), &results.next));
            endings.push(cells("the same, another stands by".to_owned(), &results.beside));
        }
        let pair = results.pair.as_ref();
        let pair =
            pair.map_or_else(|| "no rotation by size".to_owned(), |cell| text(cell, grouped));
        let forks = text(&results.forks, |children| format!("{children} of {CHILDREN}"));
        others.push(vec![name, forks, pair]);
    }
    format!(
        "{} Runs of each cell: {runs}.\n\nLines in the file, of {}:\n\n{}\nChildren of which each line is in the \
         file, of {CHILDREN}, and lines of two programs, of {}:\n\n{}",
        report::machine(place),
        grouped(LINES),
        report::table(&endings),
        grouped(2 * PAIR_LINES),
        report::table(&others),
    )
}

fn cells(title: String, cells: &[Cell]) -> Vec<String> {
    std::iter::once(title).chain(cells.iter().map(|cell| text(cell, grouped))).collect()
}

/// A number, or the range of the runs, and what went wrong.
fn text(cell: &Cell, number: impl Fn(u64) -> String) -> String {
    let lines = cell.runs.iter().map(|run| run.lines);
    let mut parts = Vec::new();
    match (lines.clone().min(), lines.max()) {
        (Some(min), Some(max)) if min == max => parts.push(number(min)),
        (Some(min), Some(max)) => parts.push(format!("{} to {}", grouped(min), number(max))),
        _ => {}
    }
    let worst = |of: fn(&Count) -> u64| cell.runs.iter().map(of).max().unwrap_or(0);
    for (number, what) in [(worst(|run| run.doubled), "doubled"), (worst(|run| run.torn), "torn")] {
        parts.extend((number > 0).then(|| format!("{} {what}", grouped(number))));
    }
    parts.extend((cell.hung > 0).then(|| "hangs".to_owned()));
    parts.extend((cell.crashed > 0).then(|| "crashes".to_owned()));
    parts.extend(cell.refused.as_ref().map(|why| format!("no result: {why}")));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_its_range_and_its_worst() {
        let run = |lines, doubled| Count { lines, doubled, torn: 0 };
        let mut cell = Cell { runs: vec![run(11_200, 0), run(13_300, 2)], ..Cell::default() };
        assert_eq!(text(&cell, grouped), "11,200 to 13,300, 2 doubled");
        cell.runs = vec![run(20_000, 0), run(20_000, 0)];
        cell.hung = 1;
        assert_eq!(text(&cell, grouped), "20,000, hangs");
    }
}
