//! The settings of the bank: which values each may have, and which it has.
//!
//! Components read and check settings nowhere else (`spin.toml`, "variables"). White space around a value does not
//! count. If a value is not allowed, the log names it, once an instance, with what is allowed; of a secret it shows
//! no value. `bank` refuses to start then, by the same rules: they are in `spin.toml` too, and a test compares the
//! two. A setting that the manifest does not give has its default.

use std::cell::RefCell;
use std::pin::Pin;

use eventlog::{Level, Value};

mod rule;
mod table;

pub use rule::{
    CONNECTION_HEADERS, HeaderName, HeaderValue, Integer, OneOf, Origin, PublicUrl, Rule, Secret, Url,
};
pub use table::*;

/// A setting: its name, its rule, and its default. The rule is part of the type, so that a component contains only
/// the rules of its own settings.
#[derive(Debug, Clone, Copy)]
pub struct Setting<R: ?Sized> {
    name: &'static str,
    default: &'static str,
    secret: bool,
    or_empty: bool,
    rule: R,
}

/// A setting that cannot be used. That has been logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSetting;

thread_local! {
    static LOGGED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

impl<R> Setting<R> {
    const fn new(name: &'static str, rule: R, default: &'static str) -> Self {
        Self { name, default, secret: false, or_empty: false, rule }
    }
}

impl<R: Rule + 'static> Setting<R> {
    /// Its value, without white space around it.
    ///
    /// # Errors
    ///
    /// [`BadSetting`], if it is not allowed or cannot be read.
    pub async fn text(&self) -> Result<String, BadSetting> {
        read(self).await
    }
}

impl Setting<Integer> {
    /// Its value; the default, if it is not allowed or cannot be read.
    pub async fn number(&self) -> u64 {
        let text = read(self).await;
        text.as_deref().unwrap_or(self.default).parse().unwrap_or_default()
    }
}

/// Reads a setting of any kind. Boxed, so that a component contains this code once and not once per kind.
fn read(setting: &Setting<dyn Rule>) -> Pin<Box<dyn Future<Output = Result<String, BadSetting>> + '_>> {
    Box::pin(async move {
        match read_value(setting.name).await {
            Ok(None) => Ok(setting.default.to_owned()),
            Ok(Some(given)) => match setting.check(&given) {
                Some(value) => Ok(value.to_owned()),
                None => {
                    // An address may hold a password.
                    let is_shown = !setting.secret && !given.contains('@');
                    let value = if is_shown { given.trim_ascii() } else { "(secret)" };
                    Err(setting.log_once("bad-setting", value, &setting.rule.words()))
                }
            },
            Err(cause) => Err(setting.log_once("setting-not-read", cause, &setting.rule.words())),
        }
    })
}

impl Setting<dyn Rule> {
    /// `given`, trimmed, if it is allowed.
    fn check<'a>(&self, given: &'a str) -> Option<&'a str> {
        let value = given.trim_ascii();
        let is_allowed = if value.is_empty() { self.or_empty } else { self.rule.allows(value) };
        is_allowed.then_some(value)
    }

    /// Logs an event about this setting, once for each instance.
    fn log_once(&self, event: &str, value: &str, allowed: &str) -> BadSetting {
        if !LOGGED.with_borrow(|said| said.contains(&self.name)) {
            LOGGED.with_borrow_mut(|said| said.push(self.name));
            let members = [("setting", self.name), ("value", value), ("allowed", allowed)];
            eventlog::event(Level::Error, event, members.map(|(name, text)| (name, Value::from(text))));
        }
        BadSetting
    }
}

/// How much gets into the log.
pub async fn log_level() -> Level {
    LOG_LEVEL.text().await.ok().and_then(|name| Level::named(&name)).unwrap_or(Level::Info)
}

/// The value that the manifest gives this component; `None` if it gives none.
#[cfg(target_arch = "wasm32")]
async fn read_value(name: &str) -> Result<Option<String>, &'static str> {
    use spin_sdk::variables::Error;
    match spin_sdk::variables::get(name).await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        // A provider's error text may contain secrets.
        Err(Error::Provider(_)) => Err("(its provider failed)"),
        Err(_) => Err("(the host refused)"),
    }
}

#[cfg(not(target_arch = "wasm32"))]
async fn read_value(_: &str) -> Result<Option<String>, &'static str> {
    Ok(None)
}

#[cfg(test)]
mod tests;
