//! Measures the bank on this machine, and writes the figures as JSON and as a picture.
//!
//! Nothing here passes or fails: times are for reading. What must be true is in the suites and in `prove`.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "times and coordinates: nothing here is money"
)]

use crate::prove::process;
use arguments::Of;
use std::path::Path;

mod arguments;
mod load;
mod outage;
mod picture;
mod sample;
pub(crate) mod svg;
mod tokens;

pub use arguments::FiguresArguments;

/// Measures what the arguments name.
pub async fn run(arguments: FiguresArguments) -> anyhow::Result<()> {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    process::forget_logs()?;
    match &arguments.of {
        Of::Outage(of) => {
            let figures = outage::measure(&arguments, of).await?;
            std::fs::write(&of.json, serde_json::to_string_pretty(&figures)?)?;
            std::fs::write(&of.svg, picture::of(&figures))?;
            println!("{}, {}", of.json.display(), of.svg.display());
            Ok(())
        }
        Of::Load(of) => load::measure(&arguments, of).await,
        Of::Tokens(of) => tokens::measure(&arguments, of).await,
    }
}
