//! Brings a stage of the reference service up on this machine.
