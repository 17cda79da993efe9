//! The hosts by which components call one another: `http://NAME.spin.internal`.

use http::Uri;
use url::Url;

/// The suffix of components' host names.
pub const DOMAIN: &str = ".spin.internal";

/// The component that an address names, if any.
pub fn component(uri: &Uri) -> Option<&str> {
    let (name, domain) = uri.host()?.split_at_checked(uri.host()?.find('.')?)?;
    (domain == DOMAIN).then_some(name)
}

/// The addresses of the component `name`.
pub fn addresses(name: &str) -> Vec<Url> {
    let address = |scheme| Url::parse(&format!("{scheme}://{name}{DOMAIN}/")).ok();
    ["http", "https"].into_iter().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_named_by_the_first_part_of_a_host_that_ends_in_spin_internal() {
        for (uri, name) in [
            ("http://identity.spin.internal/a", Some("identity")),
            ("http://identity.spin.internal:80/", Some("identity")),
            ("https://a-b.spin.internal", Some("a-b")),
            ("http://a.b.spin.internal/", None),
            ("http://spin.internal/", None),
            ("http://identity.spin.internal.example.com/", None),
            ("http://identityspin.internal/", None),
            ("/a", None),
        ] {
            assert_eq!(component(&uri.parse().unwrap()), name, "{uri}");
        }
    }
}
