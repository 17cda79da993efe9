use std::os::unix::fs::PermissionsExt as _;

use super::*;

const WASM: &[u8] = b"\0asm\x0d\0\x01\0";

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    names.into_iter().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn what_is_compiled_once_is_mapped_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::default();
    let file = folder.path().join(file_name(&engine, WASM));
    assert!(mapped(&engine, &file).is_none());

    CodeCache::open(folder.path().join("")).unwrap().component(&engine, WASM).unwrap();
    assert!(mapped(&engine, &file).is_some());
    assert_eq!(names(folder.path()).len(), 1, "and nothing is left beside it");
}

#[test]
fn another_component_and_another_engine_have_files_of_their_own() {
    let one = Engine::default();
    let mut config = wasmtime::Config::new();
    config.consume_fuel(true);
    let other = Engine::new(&config).unwrap();
    assert_ne!(file_name(&one, WASM), file_name(&one, b"another"));
    assert_ne!(file_name(&one, WASM), file_name(&other, WASM));
    assert_eq!(file_name(&one, WASM), file_name(&Engine::default(), WASM));
}

#[test]
fn a_file_that_is_no_compiled_code_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::default();
    let file = folder.path().join(file_name(&engine, WASM));
    std::fs::write(&file, "half").unwrap();

    CodeCache::open(folder.path().join("")).unwrap().component(&engine, WASM).unwrap();
    assert!(mapped(&engine, &file).is_some());
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = |mode| {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        CodeCache::open(folder.path().join(""))
    };
    assert!(open(0o755).is_ok());
    for mode in [0o777, 0o775, 0o1777] {
        let refused = open(mode).err().unwrap().to_string();
        assert!(refused.contains("others may write"), "{refused}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_not_ones_own_even_if_only_they_may_write() {
    assert!(is_private(1000, 1000, 0o40700));
    assert!(!is_private(1000, 0, 0o40700));
    assert!(!is_private(1000, 1000, 0o40770));
}

#[test]
fn a_folder_in_one_where_others_may_exchange_it_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let open = |mode| {
        std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        CodeCache::open(parent.path().join("cache"))
    };
    assert!(open(0o777).is_err());
    assert!(open(0o1777).is_ok(), "each may exchange only what is theirs");
    assert!(open(0o755).is_ok());
    assert!(protects_entries(1000, 0, 0o40755));
    assert!(!protects_entries(1000, 1001, 0o40755));
}

#[test]
fn a_folder_that_is_gone_costs_a_warning_and_no_component() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path().join("cache")).unwrap();
    std::fs::remove_dir(folder.path().join("cache")).unwrap();
    assert!(cache.component(&Engine::default(), WASM).is_ok());
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path().join("")).unwrap();
    for (age, name) in [(30, "c"), (10, "a"), (20, "b")] {
        let file = File::create(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000 - age)).unwrap();
    }
    cache.forget_all_but(2).unwrap();
    assert_eq!(names(folder.path()), ["a", "b"]);
}

#[test]
fn what_is_no_component_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path().join("")).unwrap();
    assert!(cache.component(&Engine::default(), b"no component").is_err());
    assert_eq!(names(folder.path()), [""; 0]);
}
