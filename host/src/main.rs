//! The command `bank`: parses its arguments and runs the command that they name.

use bank::{cli, exit};
use std::process::ExitCode;

/// A request makes hundreds of small allocations in two threads; with glibc they were a seventh of its cost. No huge
/// pages: with them 10,000 requests took 119 MB of memory, without them 67.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The Makefile sets it. It is read here and not in the library, so that a new commit does not rebuild the
    // library.
    match cli::run(option_env!("BANK_COMMIT").filter(|commit| !commit.is_empty())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            exit::code(&error)
        }
    }
}
