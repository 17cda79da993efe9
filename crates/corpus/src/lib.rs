//! Fuzz targets: plain functions that take bytes, and panic if a promise about these bytes does not hold.
//!
//! [`targets`] makes a test of each, which runs every input of its corpus: `__fuzz__/MODULE__TEST/corpus` beside
//! the source file. Under `make fuzz` (`--cfg fuzzing`) the same test runs libFuzzer, by `bolero`, which starts
//! from these inputs and looks for more.

#![allow(unexpected_cfgs, reason = "`fuzzing` is set by `make fuzz` alone")]

/// Tests, each with its name followed by its target.
///
/// ```ignore
/// corpus::targets! { wallets: wallet }
/// ```
#[macro_export]
macro_rules! targets {
    ($($test:ident: $target:path),+ $(,)?) => {$(
        #[test]
        fn $test() {
            $crate::run(
                $crate::TargetLocation {
                    package: env!("CARGO_PKG_NAME"),
                    folder: env!("CARGO_MANIFEST_DIR"),
                    module: module_path!(),
                    file: file!(),
                    item: concat!(module_path!(), "::", stringify!($test), "::__bolero_item_path__"),
                },
                $target,
            );
        }
    )+};
}

/// Where a target is.
#[derive(Debug, Clone, Copy)]
pub struct TargetLocation {
    /// The package.
    pub package: &'static str,
    /// The folder of the package.
    pub folder: &'static str,
    /// The module.
    pub module: &'static str,
    /// The file, from the root of the workspace.
    pub file: &'static str,
    /// The test's name for `bolero`: the path of a function in the file.
    pub item: &'static str,
}

/// Runs the target on every input of its corpus, which must not be empty.
#[cfg(not(fuzzing))]
#[allow(clippy::panic, clippy::expect_used, reason = "it is a test's")]
pub fn run(place: TargetLocation, target: fn(&[u8])) {
    let from_root = std::path::Path::new(place.file);
    let mut roots = std::path::Path::new(place.folder).ancestors();
    let file = roots.find_map(|root| Some(root.join(from_root)).filter(|file| file.exists()));
    let path: Vec<&str> = place.item.split("::").skip(1).collect();
    let name = path.split_last().map(|(_, test)| test.join("__")).unwrap_or_default();
    let corpus = file.expect("its own source").with_file_name("__fuzz__").join(name).join("corpus");
    let inputs =
        std::fs::read_dir(&corpus).map(|inputs| inputs.flatten().map(|input| input.path()).collect());
    let inputs: Vec<std::path::PathBuf> = inputs.unwrap_or_default();
    assert!(!inputs.is_empty(), "there is no input in {}", corpus.display());
    for input in inputs {
        let bytes = std::fs::read(&input).expect("an input");
        if std::panic::catch_unwind(|| target(&bytes)).is_err() {
            panic!("broken by {}", input.display());
        }
    }
}

/// Lets libFuzzer look for inputs that break the target.
#[cfg(fuzzing)]
pub fn run(place: TargetLocation, target: fn(&[u8])) {
    let location = bolero::TargetLocation {
        package_name: place.package,
        manifest_dir: place.folder,
        module_path: place.module,
        file: place.file,
        line: 0,
        item_path: place.item,
        test_name: None,
    };
    if location.should_run() {
        bolero::test(location).for_each(target);
    }
}
