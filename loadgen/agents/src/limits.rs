//! Limits that the operator of an agent sets.

use std::net::SocketAddr;
use std::sync::Arc;

use tenfold_scenarios::{Rate, Scenario, Share};

/// Judges a host by its name and all its addresses. The error is the reason why it may not be put under load.
pub type Judge = Arc<dyn Fn(&str, &[SocketAddr]) -> Result<(), String> + Send + Sync>;

/// Limits that the operator of an agent sets. A run can't change it.
#[derive(Clone)]
pub struct Limits {
    /// The hosts that load may be sent to.
    pub hosts: Judge,
    /// The highest planned rate. `None` without a limit.
    pub rate_max: Option<Rate>,
    /// The most virtual users. `None` without a limit.
    pub users_max: Option<u32>,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("rate_max", &self.rate_max)
            .field("users_max", &self.users_max)
            .finish_non_exhaustive()
    }
}

impl Limits {
    /// Judges rate and users of a share.
    ///
    /// # Errors
    /// The limit that is exceeded.
    pub(crate) fn judge(&self, scenario: &Scenario, share: Share) -> Result<(), String> {
        if let Some(limit) = self.rate_max {
            match scenario.share_rate_max(share.count()) {
                Some(rate) if rate <= limit.per_second() => {}
                Some(rate) => {
                    return Err(format!(
                        "its operator allows at most {limit} (--max-rate), and its share may reach {rate:.0}/s"
                    ));
                }
                None => {
                    return Err(format!(
                        "its operator allows at most {limit} (--max-rate), and the rate of a recording or of a closed model is not \
                         known before the run"
                    ));
                }
            }
        }
        let users = share.part_of(scenario.load.users);
        match self.users_max {
            Some(limit) if users > limit => Err(format!(
                "its operator allows at most {limit} users (--max-users), and its share has {users}"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario(phase: &str, more: &str) -> Scenario {
        let text = format!(
            "version = 1\nname = \"x\"\n{more}\nphases = [{{ name = \"a\", duration = \"2s\", {phase} }}]\n\
             requests = [{{ name = \"r\", kind = \"read\", path = \"/\" }}]\n"
        );
        Scenario::parse(&text, Path::new("x.toml")).unwrap()
    }

    fn judged(scenario: &Scenario, rate: Option<&str>, users: Option<u32>) -> Option<String> {
        let limits = Limits {
            hosts: Arc::new(|_, _| Ok(())),
            rate_max: rate.map(|rate| rate.parse().unwrap()),
            users_max: users,
        };
        limits.judge(scenario, Share::new(1, 2).unwrap()).err()
    }

    #[test]
    fn share_may_not_exceed_a_limit() {
        let ramp = scenario(
            "kind = \"ramp\", from = \"10/s\", to = \"90/s\"",
            "load = { users = 30 }",
        );
        assert_eq!(judged(&ramp, None, None), None);
        assert_eq!(judged(&ramp, Some("45/s"), Some(15)), None);
        let refused = judged(&ramp, Some("44/s"), None).unwrap();
        assert!(
            refused.contains("at most 44/s") && refused.contains("45/s"),
            "{refused}"
        );
        let refused = judged(&ramp, None, Some(14)).unwrap();
        assert!(
            refused.contains("at most 14 users") && refused.contains("has 15"),
            "{refused}"
        );
    }
}
