//! Integration tests of the generator: one binary, one module per subject.

mod abort;
mod busy_frames;
mod captures_and_bounds;
mod connections;
mod cookies;
mod delivery;
mod event_streams;
#[cfg(feature = "grpc")]
mod grpc;
mod known_sessions;
mod language;
mod links;
mod nginx;
mod outcomes;
mod paired;
mod redirects;
mod server_timing;
mod shortages;
mod stall_oracle;
mod support;
mod trial;
mod values;
#[cfg(feature = "websocket")]
mod websockets;
