//! Fuzz targets: a setting may have any value. Nothing panics, and a narrower rule accepts nothing that a wider one
//! refuses. Each target is a test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use super::*;

corpus::targets! {
    values: value,
}

fn value(bytes: &[u8]) {
    let Ok(given) = str::from_utf8(bytes) else { return };
    for setting in all() {
        let Some(judged) = setting.check(given) else { continue };
        assert_eq!(judged, given.trim_ascii(), "{}", setting.name());
        assert_eq!(setting.check(judged), Some(judged), "{}", setting.name());
        assert!(!judged.contains(['\n', '\r', '\0']), "{}: no header can be forged with it", setting.name());
    }
    let (url, public, origin) = (Url(&["http"]), PublicUrl(&["http"]), Origin(&["http"]));
    assert!(!origin.allows(given) || public.allows(given));
    assert!(!public.allows(given) || url.allows(given));
    assert!(!Secret(32).allows(given) || (HeaderValue.allows(given) && given.len() >= 32));
    if (Integer { from: 1, to: 600_000 }).allows(given) {
        assert!((1..=600_000).contains(&given.parse::<u64>().unwrap()));
    }
}
