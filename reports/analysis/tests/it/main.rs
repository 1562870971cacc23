//! Integration tests of the analysis: one binary, one module per subject.

mod blame;
mod charts;
mod comparison;
mod diagnosis;
mod findings;
mod gate;
mod knee;
mod merge;
mod merged_evidence;
mod oracle;
mod overload;
mod phases;
mod rules;
mod summary;
mod unknown_outcomes;
mod verdict;
