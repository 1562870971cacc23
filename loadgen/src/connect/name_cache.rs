//! Addresses of a name that change during a run.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::connect::peer_address::PeerAddress;
use crate::connect::target::Target;

/// Time until a look-up that failed is repeated. The earlier addresses are used meanwhile.
const REPEAT: Duration = Duration::from_secs(1);

/// Addresses of a name, looked up again by the first connection after they have become invalid. All users share them, as the
/// programs of a machine share its cache.
#[derive(Debug)]
pub(crate) struct NameCache {
    target: Target,
    /// Addresses that need no permission.
    cleared: Vec<IpAddr>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    addresses: Vec<PeerAddress>,
    valid_until: Instant,
    /// Error of the last look-up. `None` if it succeeded.
    error: Option<String>,
}

impl NameCache {
    /// Creates a cache of a target's addresses. They are looked up by the first connection.
    pub(crate) fn new(target: &Target, addresses: Vec<PeerAddress>) -> Self {
        let sockets = addresses.iter().filter_map(PeerAddress::socket);
        Self {
            target: target.clone(),
            cleared: sockets.map(|socket| socket.ip()).collect(),
            state: Mutex::new(State {
                addresses,
                valid_until: Instant::now(),
                error: None,
            }),
        }
    }

    /// Returns the present addresses, and the error if they could not be looked up again.
    pub(crate) async fn addresses(&self) -> (Vec<PeerAddress>, Option<String>) {
        let mut state = self.state.lock().await;
        if Instant::now() >= state.valid_until {
            let (validity, error) = match self.look_up().await {
                Ok((addresses, validity)) => {
                    state.addresses = addresses;
                    (validity, None)
                }
                Err(error) => (REPEAT, Some(error)),
            };
            let now = Instant::now();
            // A time beyond the clock's range is as good as a day.
            let until = now.checked_add(validity);
            state.valid_until = until.unwrap_or(now + Duration::from_secs(86_400));
            state.error = error;
        }
        (state.addresses.clone(), state.error.clone())
    }

    async fn look_up(&self) -> Result<(Vec<PeerAddress>, Duration), String> {
        let target = self.target.clone();
        let found = tokio::task::spawn_blocking(move || target.look_up()).await;
        let (addresses, validity) = found
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let judged: &[SocketAddr] = &addresses;
        self.target
            .guard()
            .judge(self.target.host(), judged, &self.cleared)?;
        let addresses = addresses.into_iter().map(PeerAddress::Tcp).collect();
        Ok((addresses, validity))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::connect::name_server::tests::{Answers, name_server};
    use crate::connect::{DialOptions, HostGuard};

    const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

    fn cache(answers: &Answers, every: Option<Duration>, guard: HostGuard) -> NameCache {
        let options = DialOptions {
            name_server: Some(name_server(answers.clone())),
            resolve_every: every,
            ..DialOptions::default()
        };
        let target: Target = "http://www.lab.test:80".parse().unwrap();
        let target = target.with(options).unwrap().guarded_by(guard);
        NameCache::new(&target, vec![PeerAddress::Tcp((ONE, 80).into())])
    }

    async fn first(cache: &NameCache) -> (IpAddr, Option<String>) {
        let (addresses, error) = cache.addresses().await;
        (addresses[0].socket().unwrap().ip(), error)
    }

    #[tokio::test]
    async fn follows_a_name_once_its_answer_is_invalid() {
        let answers = Answers::default();
        *answers.lock().unwrap() = (vec![ONE], 1);
        let cache = cache(&answers, None, HostGuard::new(|_, _| Ok(())));
        assert_eq!(first(&cache).await, (ONE.into(), None));
        *answers.lock().unwrap() = (vec![OTHER], 1);
        assert_eq!(first(&cache).await, (ONE.into(), None));
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert_eq!(first(&cache).await, (OTHER.into(), None));
    }

    #[tokio::test]
    async fn option_replaces_the_validity_of_the_answer() {
        let answers = Answers::default();
        *answers.lock().unwrap() = (vec![ONE], 3_600);
        let every = Some(Duration::ZERO);
        let cache = cache(&answers, every, HostGuard::new(|_, _| Ok(())));
        assert_eq!(first(&cache).await, (ONE.into(), None));
        *answers.lock().unwrap() = (vec![OTHER], 3_600);
        assert_eq!(first(&cache).await, (OTHER.into(), None));
    }

    #[tokio::test]
    async fn unpermitted_or_missing_address_is_not_used() {
        let answers = Answers::default();
        *answers.lock().unwrap() = (vec![OTHER], 0);
        let guard = HostGuard::new(|name, _| Err(format!("{name} may not be tested")));
        let refusing = cache(&answers, None, guard);
        let (address, error) = first(&refusing).await;
        assert_eq!(address, IpAddr::from(ONE));
        assert_eq!(error.as_deref(), Some("www.lab.test may not be tested"));
        *answers.lock().unwrap() = (vec![], 0);
        let none = cache(&answers, None, HostGuard::new(|_, _| Ok(())));
        let (address, error) = first(&none).await;
        assert_eq!(address, IpAddr::from(ONE));
        assert!(error.unwrap().contains("has no address"));
    }
}
