//! Fuzz targets: plain functions that take bytes, and panic where what was promised of these does not hold.
//!
//! [`targets`] makes a test of each, which gives it every input of its corpus: `__fuzz__/MODULE__TEST/corpus` beside the
//! file that it is in. These are the names that `bolero` has for them.

/// Tests with the name in front, of the target behind it.
///
/// ```ignore
/// corpus::targets! { wallets: wallet }
/// ```
#[macro_export]
macro_rules! targets {
    ($($test:ident: $target:path),+ $(,)?) => {$(
        #[test]
        fn $test() {
            let test = concat!(module_path!(), "::", stringify!($test));
            $crate::run(env!("CARGO_MANIFEST_DIR"), file!(), test, $target);
        }
    )+};
}

/// Gives the target of a test every input of its corpus, of which there must be some.
#[allow(clippy::panic, clippy::expect_used, reason = "it is a test's")]
pub fn run(package: &str, file: &str, test: &str, target: fn(&[u8])) {
    // The file's path begins where the workspace does.
    let mut roots = std::path::Path::new(package).ancestors();
    let file = roots.find_map(|root| Some(root.join(file)).filter(|file| file.exists()));
    let name = test.split("::").skip(1).collect::<Vec<_>>().join("__");
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
