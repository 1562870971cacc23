//! A component that can be read, and the resolver of its kind.

use tenfold_run_dir::component_use::ComponentFigures;

use super::component_url::{ComponentKind, ComponentUrl};
use super::nginx::Nginx;

/// A component that can be read.
pub(super) trait Source {
    /// Reads the counters that the figures start from.
    ///
    /// # Errors
    /// If they can't be read, with the reason, without credentials.
    fn begin(&mut self) -> Result<(), String>;

    /// Reads the gauges. A failure loses one sample.
    fn look(&mut self);

    /// Reads the counters again, and returns the figures since [`Source::begin`].
    ///
    /// # Errors
    /// If they can't be read or the component was restarted, with the reason, without credentials.
    fn end(&mut self) -> Result<ComponentFigures, String>;

    /// Returns gaps of the figures, each in a sentence.
    fn gaps(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Opens the source of a component.
pub(super) fn open(url: &ComponentUrl) -> Result<Box<dyn Source>, String> {
    match url.kind() {
        #[cfg(feature = "mysql")]
        ComponentKind::Mysql => Ok(Box::new(super::mysql::Mysql::open(url)?)),
        #[cfg(feature = "redis")]
        ComponentKind::Redis => Ok(Box::new(super::redis::Redis::open(url)?)),
        ComponentKind::Nginx => Ok(Box::new(Nginx::open(url))),
        ComponentKind::Haproxy => Err("a balancer is read by its own client".to_owned()),
        #[cfg(not(all(feature = "mysql", feature = "redis")))]
        ComponentKind::Mysql | ComponentKind::Redis => {
            let feature = url.kind().feature().unwrap_or_default();
            Err(format!(
                "tenfold was compiled without the `{feature}` feature"
            ))
        }
    }
}
