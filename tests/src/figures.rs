//! Measures the bank on this machine, and writes the figures as JSON and as a picture.
//!
//! Nothing here passes or fails: times are for reading. What must be true is in the suites and in `prove`.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "times and coordinates: nothing here is money"
)]

use crate::prove::process;
use arguments::Measurement;
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
    match &arguments.measurement {
        Measurement::Outage(outage) => {
            let figures = outage::measure(&arguments, outage).await?;
            std::fs::write(&outage.json, serde_json::to_string_pretty(&figures)?)?;
            std::fs::write(&outage.svg, picture::of(&figures))?;
            println!("{}, {}", outage.json.display(), outage.svg.display());
            Ok(())
        }
        Measurement::Load(load) => load::measure(&arguments, load).await,
        Measurement::Tokens(tokens) => tokens::measure(&arguments, tokens).await,
    }
}
