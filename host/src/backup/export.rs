//! `bank export`: writes all money into one file while banks are running.

use super::cli::Export;
use super::target::Target;
use super::walk;

/// Writes the file. If that fails, there is no file.
pub fn export(options: &Export) -> anyhow::Result<()> {
    let place = options.store.place()?;
    let mut target = Target::create(options, &walk::now())?;
    let found = walk::export(&place, &mut |bytes| target.write(bytes))?;
    let name = target.finish(&found.totals)?;
    eprintln!("exported as of {} to {name}\n{}", found.began, found.totals);
    Ok(())
}
