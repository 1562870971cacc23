//! The permission to send load to hosts that a redirect leads to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Judges a host by its name and all its addresses. The error is the reason why it may not be put under load.
type Judge = dyn Fn(&str, &[SocketAddr]) -> Result<(), String> + Send + Sync;

/// The permission to send load to hosts that a redirect leads to.
///
/// The addresses of the target need none: they were judged before the run.
#[derive(Clone, Default)]
pub struct HostGuard {
    judge: Option<Arc<Judge>>,
}

impl HostGuard {
    /// Creates a guard from a function that judges a host by its name and all its addresses.
    pub fn new(
        judge: impl Fn(&str, &[SocketAddr]) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            judge: Some(Arc::new(judge)),
        }
    }

    /// Judges a host. `cleared` are the addresses that need no permission.
    ///
    /// # Errors
    /// The reason why the host may not be put under load.
    pub(crate) fn judge(
        &self,
        name: &str,
        addresses: &[SocketAddr],
        cleared: &[IpAddr],
    ) -> Result<(), String> {
        if addresses
            .iter()
            .all(|address| cleared.contains(&address.ip()))
        {
            return Ok(());
        }
        match &self.judge {
            Some(judge) => judge(name, addresses),
            None => Err(format!(
                "only the target's own addresses are permitted, not {name}"
            )),
        }
    }
}

impl fmt::Debug for HostGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostGuard").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guard_is_asked_unless_all_addresses_are_the_targets() {
        let cleared = ["127.0.0.1".parse().unwrap()];
        let here = ["127.0.0.1:80".parse().unwrap()];
        let both = [
            "127.0.0.1:80".parse().unwrap(),
            "10.0.0.1:80".parse().unwrap(),
        ];
        let none = HostGuard::default();
        assert_eq!(none.judge("a", &here, &cleared), Ok(()));
        assert!(
            none.judge("a", &both, &cleared)
                .unwrap_err()
                .contains("not a")
        );
        let guard = HostGuard::new(|name, addresses| match name {
            "a" => Ok(()),
            _ => Err(format!("{name} at {}", addresses[0])),
        });
        assert_eq!(guard.judge("a", &both, &cleared), Ok(()));
        assert_eq!(
            guard.judge("b", &both, &cleared),
            Err("b at 127.0.0.1:80".to_owned())
        );
    }
}
