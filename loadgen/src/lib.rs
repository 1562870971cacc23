//! Sends the schedule of a scenario and records what came back.
