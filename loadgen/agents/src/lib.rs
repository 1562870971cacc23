//! Generators on several machines, coordinated over NATS.
//!
//! Each machine runs an agent ([`serve`]). A run finds agents ([`find`]), gives each a share of its schedule, and merges their
//! records. The generator of a share is the same process as one of several on a single machine (`tenfold-measure`); the agent passes its
//! messages and its record on.
//!
//! | module | contents |
//! |---|---|
//! | `broker` | the NATS server, and the credentials for it |
//! | `message` | messages between controller and agents |
//! | `seal` | sealed bodies |
//! | `parcels` | bytes by their digest, which agents fetch |
//! | `placement` | places of a scenario's files on an agent's machine |
//! | `clock_offset` | the offset of another machine's clock. Pure |
//! | `record_copy`, `record_store` | a record on its way, and its destination |
//! | `limits` | what the operator of an agent allows |
//! | `agent` | an agent, from one run to the next |
//! | `part` | an agent's part of one run |
//! | `outbox` | reports of an agent to the controller |
//! | `span_queue` | sampled requests that wait for the network |
//! | `search` | finding agents |
//! | `crew` | the agents of one run, as the run sees them |
//! | `members` | the agents of one run, as their messages describe them |

mod agent;
mod broker;
mod clock_offset;
mod crew;
mod error;
mod limits;
mod members;
mod message;
mod outbox;
mod parcels;
mod part;
mod placement;
mod record_copy;
mod record_store;
mod seal;
mod search;
mod span_queue;

pub use agent::{AgentOptions, StartGenerator, serve, serve_all};
pub use broker::Broker;
pub use crew::{AgentCrew, CrewOptions};
pub use error::AgentsError;
pub use limits::{Judge, Limits};
pub use search::{Wanted, find};
