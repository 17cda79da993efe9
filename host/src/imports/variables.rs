//! `spin:variables/variables@3.0.0`: a component's own variables. Their values are fixed at start.

use super::bindings::spin::variables::variables::{Error, Host, HostWithStore};
use crate::names;
use std::collections::HashMap;
use std::sync::Arc;
use wasmtime::component::{Accessor, HasSelf};

/// The variables of one component.
pub type Variables = HashMap<String, String>;

impl Host for Arc<Variables> {}

impl<T: Send> HostWithStore<T> for HasSelf<Arc<Variables>> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        names::variable(&name).map_err(Error::InvalidName)?;
        accessor.with(|mut access| {
            let value = access.get().get(&name).cloned();
            value.ok_or_else(|| Error::Undefined(format!("the component has no variable `{name}`")))
        })
    }
}
