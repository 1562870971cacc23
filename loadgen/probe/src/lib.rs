//! What is captured from a target while load runs: profiles, metrics, host counters.
