//! Statistics, verdicts and findings: pure functions over runs.
