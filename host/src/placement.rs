//! Which instance of a component gets a request: the one that `bank` chooses ([`crate::instances`]), or the one
//! that Spin would choose ([`crate::spread`]).

use std::sync::Arc;

use clap::ValueEnum;
use wasmtime_wasi_http::handler::{ProxyHandler, Request, Response, TrapOrPanicError};

use crate::component::ReadyComponent;
use crate::guards::RequestGuard;
use crate::instances::{BusyInstances, Instances};
use crate::lifetime::InstanceFailed;
use crate::spread::Spread;

/// The flag of `bank up`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Placement {
    /// As few instances as keep every core busy: requests share them, and go to the store together
    Bank,
    /// As Spin's HTTP trigger does: whichever instance is free first, and one more when none is
    Spin,
}

/// A component that answers requests.
#[derive(Clone)]
pub enum Running {
    /// By [`Placement::Bank`].
    Together(Arc<Instances>),
    /// By [`Placement::Spin`].
    Spread(ProxyHandler<Spread>),
}

impl Running {
    /// A component that has no instances yet, one of those that share the cores.
    pub fn new(component: ReadyComponent, placement: Placement, busy: &BusyInstances) -> Self {
        match placement {
            Placement::Bank => Self::Together(Arc::new(Instances::new(component, busy.clone()))),
            Placement::Spin => Self::Spread(ProxyHandler::new(Spread(component))),
        }
    }

    /// What it runs.
    pub fn component(&self) -> &ReadyComponent {
        match self {
            Self::Together(instances) => instances.component(),
            Self::Spread(handler) => &handler.state().0,
        }
    }

    /// Has an instance answer `request`, which holds `guard`.
    ///
    /// # Errors
    /// [`InstanceFailed`]; or what the component answered instead of a response.
    pub async fn handle(&self, guard: RequestGuard, request: Request) -> wasmtime::Result<Response> {
        match self {
            Self::Together(instances) => instances.handle(guard, request).await,
            Self::Spread(handler) => {
                let answer = handler.handle(guard, request).await;
                answer.map_err(
                    |error| if error.is::<TrapOrPanicError>() { InstanceFailed.into() } else { error },
                )
            }
        }
    }
}
