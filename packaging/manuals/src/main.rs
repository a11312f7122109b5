//! Writes the man pages and shell completions of `hearth`, from the definition of its command line:
//! `hearth-manuals DIR` makes `DIR/man` and `DIR/completions`. A program of its own, so that `hearth` does not carry the
//! generators.

use std::io::{Error, Result};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use hearth::cli::Cli;

fn main() -> Result<()> {
    let dir = std::env::args_os().nth(1).ok_or_else(|| Error::other("usage: hearth-manuals DIR"))?;
    let (man, completions) = (Path::new(&dir).join("man"), Path::new(&dir).join("completions"));
    // Pages of commands that are gone must not stay.
    for folder in [&man, &completions] {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
    }
    clap_mangen::generate_to(Cli::command(), &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "hearth", &completions)?;
    }
    Ok(())
}
