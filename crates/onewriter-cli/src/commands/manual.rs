//! `completions` and `man`: both come from the definition of the command line itself.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::cli::{Cli, Man};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// The script for `shell`.
pub fn completions(shell: Shell, output: &mut Output<'_>) -> Result<Exit, Failure> {
    // Through a buffer: the generator panics where a write fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "onewriter", &mut script);
    output.out.write_all(&script)?;
    Ok(Exit::DONE)
}

/// One page, or all of them.
pub fn run(args: &Man, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let mut root = Cli::command();
    root.build();
    if let Some(dir) = &args.dir {
        return write_all(root, dir, output);
    }
    let Some(name) = &args.command else {
        Page::new(root).render(output.out)?;
        return Ok(Exit::DONE);
    };
    let found = shown(&root).find(|command| command.get_name() == name);
    let Some(found) = found else {
        let names: Vec<&str> = shown(&root).map(Command::get_name).collect();
        return Err(Failure::usage(format!("no command {name:?}: there are {}", names.join(", "))));
    };
    page(found.clone()).render(output.out)?;
    Ok(Exit::DONE)
}

/// The commands that people use.
fn shown(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|command| !command.is_hide_set())
}

fn page(command: Command) -> Page {
    let name = format!("onewriter-{}", command.get_name());
    Page::new(command.display_name(name.clone())).title(name)
}

fn write_all(root: Command, dir: &Path, output: &mut Output<'_>) -> Result<Exit, Failure> {
    super::make_directory(dir)?;
    let mut pages: Vec<(String, Page)> = shown(&root)
        .map(|command| (format!("onewriter-{}.1", command.get_name()), page(command.clone())))
        .collect();
    pages.push(("onewriter.1".into(), Page::new(root.clone())));
    for (name, page) in pages {
        let path = dir.join(name);
        let mut text = Vec::new();
        page.render(&mut text)?;
        fs::write(&path, text).map_err(|err| Failure::io("cannot write", &path, &err))?;
        writeln!(output.out, "{}", path.display())?;
    }
    Ok(Exit::DONE)
}
