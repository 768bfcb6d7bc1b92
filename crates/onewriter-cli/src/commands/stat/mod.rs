//! `stat`: all queues of this user, who puts, who writes, what waits.

pub mod page;
mod view;

use std::io::IsTerminal;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Zoned;
use rustix::termios::tcgetwinsize;

use crate::cli::Stat;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::queues;
use page::Look;
use view::View;

/// Where the width of the terminal is not known.
const WIDTH: usize = 80;

/// Looks once, or again and again until somebody ends it.
pub fn run(args: &Stat, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let terminal = std::io::stdout();
    let is_live = !args.once && (args.watch || terminal.is_terminal());
    let is_page = is_live && !args.json && terminal.is_terminal();
    let every = crate::moment::duration(&args.every).and_then(|span| Duration::try_from(span).ok());
    let every = every.filter(|every| *every >= Duration::from_millis(100)).ok_or_else(|| {
        Failure::usage(format!(
            "--every {:?}: give a span of at least 100ms, such as 1s",
            args.every
        ))
    })?;
    let mut before: Option<(Instant, Vec<View>)> = None;
    loop {
        let at = Instant::now();
        let mut views: Vec<_> = queues::find(&args.queues)?.iter().map(View::new).collect();
        if let Some((then, before)) = &before {
            for view in &mut views {
                view.measure(before, at - *then);
            }
        }
        if args.json {
            let object = serde_json::json!({ "time": Zoned::now().timestamp().to_string(), "queues": views });
            writeln!(output.out, "{object}")?;
        } else {
            let over = if args.queues.is_empty() { hide(&mut views) } else { Vec::new() };
            show(&Shown { views: &views, over: &over, is_live, is_page }, output)?;
        }
        if !is_live {
            return Ok(Exit::DONE);
        }
        output.out.flush()?;
        before = Some((at, views));
        thread::sleep(every.saturating_sub(at.elapsed()));
    }
}

/// Takes away what nobody has anything to do with; the private queues of programs that ended are
/// given back.
fn hide(views: &mut Vec<View>) -> Vec<View> {
    views.retain(|view| !view.is_idle());
    views.extract_if(.., |view| view.is_over()).collect()
}

/// What is shown at one look.
struct Shown<'a> {
    views: &'a [View],
    /// Private queues of programs that ended.
    over: &'a [View],
    is_live: bool,
    /// On a terminal, over what stood there.
    is_page: bool,
}

fn show(shown: &Shown<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let Shown { views, over, is_live, is_page } = *shown;
    let size = tcgetwinsize(std::io::stdout()).ok().filter(|size| is_page && size.ws_col > 0);
    let width = size.map_or(WIDTH, |size| usize::from(size.ws_col));
    let look = Look { width, cuts_errors: size.is_some(), colour: output.colour };
    let mut lines = page::lines(views, over, &look);
    if is_live {
        let now = Zoned::now().strftime("%H:%M:%S").to_string();
        lines.splice(..0, [page::head(views, &now, width), String::new()]);
    }
    let Some(size) = size else {
        for line in &lines {
            writeln!(output.out, "{line}")?;
        }
        if is_live {
            writeln!(output.out)?;
        }
        return Ok(());
    };
    let height = usize::from(size.ws_row).saturating_sub(1).max(1);
    if lines.len() > height {
        let n_hidden = lines.len() - height + 1;
        lines.truncate(height - 1);
        lines.push(format!("... {n_hidden} more lines: name a queue, or use --once"));
    }
    // Over what stands there, line by line, so that nothing flickers.
    write!(output.out, "\x1b[H")?;
    for line in &lines {
        writeln!(output.out, "{line}\x1b[K")?;
    }
    write!(output.out, "\x1b[J")?;
    Ok(())
}
