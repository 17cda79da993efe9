//! `bank export`: writes all money into one file while banks are running.

use super::cli::ExportArguments;
use super::target::ExportTarget;
use super::walk;

/// Writes the file. If that fails, there is no file.
pub fn export(options: &ExportArguments) -> anyhow::Result<()> {
    let location = options.store.location()?;
    let mut target = ExportTarget::create(options, &walk::now())?;
    let found = walk::export(&location, &mut |bytes| target.write(bytes))?;
    let name = target.finish(&found.totals)?;
    eprintln!("exported as of {} to {name}\n{}", found.began, found.totals);
    Ok(())
}
