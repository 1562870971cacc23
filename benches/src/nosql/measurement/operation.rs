//! Operations on a store, which can be called any number of times.

use std::pin::Pin;
use std::sync::Arc;

use tenfold_server::store::StoreError;

/// A call in progress.
pub(super) type Call = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// An operation on a store. Each call has another number.
#[derive(Clone)]
pub(super) struct Operation(Arc<dyn Fn(u64) -> Call + Send + Sync>);

impl Operation {
    /// Creates an operation.
    pub(super) fn new<F>(call: impl Fn(u64) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        Self(Arc::new(move |number| -> Call { Box::pin(call(number)) }))
    }

    /// Makes a call.
    pub(super) fn call(&self, number: u64) -> Call {
        (self.0)(number)
    }
}
