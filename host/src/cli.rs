//! The commands of `bank`, and which function each calls.

use crate::arguments::{BuildArguments, HealthArguments, UpArguments, VerifyArguments};
use crate::backup::{self, cli as backup_cli};
use crate::build_command;
use crate::exit;
use crate::health;
use crate::manifest::Manifest;
use crate::up;
use crate::verify;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Runs a Spin application on this machine, without Spin.
#[derive(Parser)]
#[command(name = "bank", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them, and it is made once")]
enum Command {
    /// Start the application and serve it until a signal comes
    Up(UpArguments),
    /// Run the build command of each component
    Build(BuildArguments),
    /// Check a user's wallet from its first entry to its last, or all wallets and counters
    Verify(VerifyArguments),
    /// Write all wallets and counters to a file, while banks are running
    Export(backup_cli::ExportArguments),
    /// Restore an export into an empty store
    Import(backup_cli::ImportArguments),
    /// Ask a bank on this machine whether it is alive; fails if it is not
    Health(HealthArguments),
}

/// Runs the command in the arguments. `commit` is the commit that was built, if it is known.
pub fn run(commit: Option<&str>) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let version = commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"));
    let arguments = Cli::command().version(&*version.leak()).get_matches();
    match Cli::from_arg_matches(&arguments).unwrap_or_else(|error| error.exit()).command {
        Command::Up(options) => up::up(&options),
        Command::Build(options) => {
            build_command::build(&Manifest::load(&options.from)?, &options.component_id)
        }
        Command::Verify(options) => exit::on_signal().and_then(|()| verify::verify(&options)),
        Command::Export(options) => exit::on_signal().and_then(|()| backup::export(&options)),
        Command::Import(options) => exit::on_signal().and_then(|()| backup::import(&options)),
        Command::Health(options) => health::health(&options),
    }
}
