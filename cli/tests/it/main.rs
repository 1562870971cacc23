//! Integration tests of the `tenfold` binary, with a module for each subject.

mod agents;
mod architecture;
mod blame;
mod ci_files;
mod ci_install;
mod completions;
mod connections;
mod deploy;
mod docs_links;
mod end_to_end;
mod exit_codes;
mod export_places;
mod exports;
mod feeds;
mod frozen_generator;
mod gate;
mod generators;
mod help;
mod hot_shard;
mod init;
mod killed;
mod knee;
mod lab;
mod ladder;
mod ledger;
mod live;
mod man;
mod once;
mod plan;
mod profile;
mod publishing;
#[cfg(all(feature = "mysql", feature = "nats", feature = "s3"))]
mod queue;
mod record;
mod release_files;
mod run;
mod serve;
#[cfg(all(
    feature = "stage-separated",
    feature = "stage-balanced",
    feature = "stage-cached",
    feature = "stage-autoscaled",
    feature = "stage-partitioned"
))]
mod stages;
mod support;
mod telemetry;
mod terminal;
mod wording;
