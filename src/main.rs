//! The binary. Everything it does is in the library of the same name.

use std::process::ExitCode;

use clap::Parser;

/// mimalloc takes half the memory of the system's allocator after a day of long polls and image thumbnails.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hearth::cli::Cli::parse().run()
}
