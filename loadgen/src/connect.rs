//! Connections to a target: name resolution, dialing, TLS and the byte streams that result.

mod credentials;
mod dial;
mod dial_counts;
mod dial_options;
mod frame_filter;
mod host_guard;
mod http2_handshake;
mod local_shortage;
mod name_cache;
mod name_server;
mod open_files;
mod peer_address;
mod protocol;
mod race;
mod reach;
mod resolve;
mod resolved_target;
mod stamped_tcp;
mod stream;
mod target;
mod target_description;
mod tls;
mod traffic;

pub use credentials::{AuthScheme, Credentials, CredentialsError, CredentialsSource};
pub(crate) use dial::dial;
#[cfg(feature = "grpc")]
pub(crate) use dial_counts::DialCounts;
pub use dial_options::DialOptions;
pub use host_guard::HostGuard;
pub(crate) use http2_handshake::{is_library_limit, shake_hands};
pub(crate) use local_shortage::local_shortage;
pub use name_server::NameServer;
pub(crate) use open_files::make_room_for;
pub use protocol::HttpVersion;
pub(crate) use protocol::Protocol;
pub use resolve::Resolve;
pub(crate) use resolved_target::ResolvedTarget;
pub(crate) use stream::Stream;
pub use target::Target;
pub use target_description::TargetDescription;
pub use tls::TlsOptions;
pub(crate) use tls::explain;
