//! Which component answers which path: `routefinder`, with Spin's rules around it.
//!
//! An exact route wins over `:name`, and `:name` over a trailing `/...`; of those the longest wins. A slash at the
//! end of a route or a path makes no difference. If two routes are the same, the last one is used; Spin and `bank`
//! warn and go on. Paths are matched as they are sent, without decoding percent signs.

use crate::manifest::Route;
use anyhow::anyhow;
use routefinder::{Captures, RouteSpec};
use std::borrow::Cow;
use std::fmt;

/// Paths below this are Spin's own.
pub const WELL_KNOWN: &str = "/.well-known/spin/";

/// The routes of an application, each with its target.
pub struct Router<T> {
    routes: routefinder::Router<RouteTarget<T>>,
}

/// A route and what is behind it.
pub struct RouteTarget<T> {
    /// As in the manifest.
    pub raw: String,
    /// Absolute, and without a slash at the end.
    pub normalized: String,
    /// What answers.
    pub to: T,
}

/// A route that matched a path.
pub struct Match<'r, 'p, T> {
    /// The route.
    pub target: &'r RouteTarget<T>,
    captures: Captures<'r, 'p>,
    path: &'p str,
}

impl<T> Router<T> {
    /// A router for these routes.
    pub fn new(routes: impl IntoIterator<Item = (Route, T)>) -> anyhow::Result<Self> {
        let mut unique: Vec<(Route, T)> = Vec::new();
        for (route, to) in routes {
            if route.path.starts_with(WELL_KNOWN) {
                eprintln!("Warning: {} is never reached: Spin answers below {WELL_KNOWN}", route.path);
            }
            match unique.iter_mut().find(|(other, _)| other.path == route.path) {
                Some(same) => {
                    eprintln!(
                        "Warning: route {} of {} is never used: {} has the same",
                        same.0.path, same.0.component, route.component
                    );
                    *same = (route, to);
                }
                None => unique.push((route, to)),
            }
        }
        let mut router = routefinder::Router::new();
        for (route, to) in unique {
            let target = RouteTarget::new(route.path, to);
            let spec = target.spec().map_err(|error| {
                anyhow!("route {} of component `{}`: {error}", target.raw, route.component)
            })?;
            let Ok(()) = router.add(spec, target);
        }
        Ok(Self { routes: router })
    }

    /// What answers a path.
    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p, T>>
    where
        'r: 'p,
    {
        let found = self.routes.best_match(path)?;
        Some(Match { target: found.handler(), captures: found.captures(), path })
    }

    /// All routes, in the order in which they are tried.
    pub fn targets(&self) -> impl Iterator<Item = &RouteTarget<T>> {
        self.routes.iter().map(|(_, target)| target)
    }
}

impl<T> RouteTarget<T> {
    fn new(raw: String, to: T) -> Self {
        Self { normalized: normalized(&raw), raw, to }
    }

    fn spec(&self) -> Result<RouteSpec, String> {
        match self.normalized.strip_suffix("/...") {
            Some(prefix) => format!("{prefix}/*").parse(),
            None => self.normalized.parse(),
        }
    }
}

/// A route with a slash in front and none at the end.
pub fn normalized(route: &str) -> String {
    let slash = if route.starts_with('/') { "" } else { "/" };
    let normalized = format!("{slash}{route}");
    normalized.strip_suffix('/').unwrap_or(&normalized).to_owned()
}

/// As Spin lists it.
impl<T> fmt::Display for RouteTarget<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.normalized.strip_suffix("/...").or_else(|| self.normalized.strip_suffix("/*"));
        match prefix {
            Some(prefix) => write!(f, "{prefix} (wildcard)"),
            None => f.write_str(&self.normalized),
        }
    }
}

impl<T> Match<'_, '_, T> {
    /// What `/...` matched, with its slash; a slash at the end of the path stays.
    pub fn trailing_wildcard(&self) -> Cow<'_, str> {
        match (self.captures.wildcard(), self.path.ends_with('/')) {
            (None, _) | (Some(""), false) => "".into(),
            (Some(""), true) => "/".into(),
            (Some(rest), false) => format!("/{rest}").into(),
            (Some(rest), true) => format!("/{rest}/").into(),
        }
    }

    /// What each `:name` stands for.
    pub fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.captures.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[&str]) -> Router<()> {
        let route = |path: &&str| (Route { path: (*path).into(), component: "c".into() }, ());
        Router::new(routes.iter().map(route)).unwrap()
    }

    #[test]
    fn the_most_exact_route_wins() {
        let router =
            router(&["/...", "/v1/rates/:code", "/v1/rates", "/v1/...", "/v1/rates/usd", "/", "/a/:b/..."]);
        for (path, expected) in [
            ("/", "/"),
            ("/v1", "/v1/..."),
            ("/v1/rates", "/v1/rates"),
            ("/v1/rates/", "/v1/rates"),
            ("/v1/rates/usd", "/v1/rates/usd"),
            ("/v1/rates/eur", "/v1/rates/:code"),
            ("/v1/rates/eur/x", "/v1/..."),
            ("/v1/other", "/v1/..."),
            ("/v2", "/..."),
            ("/a/1", "/a/:b/..."),
            ("/a/1/2/3", "/a/:b/..."),
            ("/a", "/..."),
            ("//", "/"),
        ] {
            let found = router.find(path).map(|found| found.target.raw.as_str());
            assert_eq!(found, Some(expected), "{path}");
        }
    }

    #[test]
    fn what_no_route_matches_is_not_found() {
        let router = router(&["/a", "/b/:c"]);
        for path in ["/", "/b", "/b/c/d", "/A", "/%61"] {
            assert!(router.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn wildcards_are_captured_as_in_spin() {
        let router = router(&["/test/...", "/1/:two/..."]);
        for (path, expected) in [
            ("/test", ""),
            ("/test/", "/"),
            ("/test/hello", "/hello"),
            ("/test/hello/", "/hello/"),
            ("/test/a/b%20c", "/a/b%20c"),
        ] {
            assert_eq!(router.find(path).unwrap().trailing_wildcard(), expected, "{path}");
        }
        let found = router.find("/1/2/3").unwrap();
        assert_eq!(found.named().collect::<Vec<_>>(), [("two", "2")]);
        assert_eq!(found.trailing_wildcard(), "/3");
    }

    #[test]
    fn of_two_equal_routes_the_last_is_used() {
        let route = |to: u8| (Route { path: "/a".into(), component: "c".into() }, to);
        let router = Router::new([route(1), route(2)]).unwrap();
        assert_eq!(router.find("/a").unwrap().target.to, 2);
    }

    #[test]
    fn routes_are_shown_as_spin_shows_them() {
        let router = router(&["/...", "/a/...", "/a/:b", "/"]);
        let mut shown: Vec<_> = router.targets().map(ToString::to_string).collect();
        shown.sort();
        assert_eq!(shown, ["", " (wildcard)", "/a (wildcard)", "/a/:b"]);
    }
}
