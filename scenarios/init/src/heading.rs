//! The parts that every first scenario has: schema, comments, objectives, load and phases.

use std::fmt::Write as _;

use tenfold_scenarios::toml_text::{comment, quoted};

use crate::first_scenario::InitOptions;

/// Rate of a first scenario: low, because its service may not be one's own machine.
const RATE: &str = "10/s";

/// Returns the beginning of a scenario, up to its phases. `about` are paragraphs of comments.
pub(crate) fn heading(
    options: &InitOptions,
    description: &str,
    about: &[String],
    target: &str,
) -> String {
    let mut text = format!("#:schema {}\n", one_line(&options.schema));
    for (index, paragraph) in about.iter().enumerate() {
        if index > 0 {
            text.push_str("#\n");
        }
        text.push_str(&comment(paragraph));
    }
    let (file, target) = (one_line(&options.file), one_line(target));
    let _ = write!(
        text,
        "#\n\
         #   tenfold run {file} --once --target {target}\n\
         #       sends each request once and shows the answers\n\
         #   tenfold run {file} --check\n\
         #       shows what a run would send, and sends nothing\n\
         #   tenfold run {file} --target {target}\n\
         #\n\
         # Every key is explained in docs/scenarios.md.\n\n\
         version = 1\n\
         name = {}\n\
         description = {}\n\
         # The same seed sends the same requests.\n\
         seed = 1\n\n",
        quoted(&options.name),
        quoted(description),
    );
    text.push_str(
        "# Objectives: a run that misses one exits with code 99. Latencies are response times, counted from\n\
         # the time at which a request was due. `for reads`, `for writes` or `for \"NAME\"` limits an objective\n\
         # to some requests. A p99 needs at least 1,000 requests, a p95 at least 200.\n\
         rules = [\n    'p95 < 500ms',\n    'errors < 1%',\n    'rate > 99%',\n]\n\n",
    );
    text
}

/// Returns load and phases.
pub(crate) fn load_and_phases() -> String {
    format!(
        "[load]\n\
         model = \"open\"         # requests are sent on schedule, however slow the service is\n\
         arrivals = \"poisson\"   # independent of each other, as people are\n\
         timeout = \"10s\"        # a request that takes longer has failed\n\n\
         # Phases run one after the other. Warm-up is sent but not counted. Other kinds are \"ramp\", \"steps\",\n\
         # \"spike\", \"diurnal\" and \"trace\". Raise the rate once the requests work.\n\
         [[phases]]\n\
         name = \"warm-up\"\n\
         kind = \"constant\"\n\
         rate = \"{RATE}\"\n\
         duration = \"5s\"\n\
         warm_up = true\n\n\
         [[phases]]\n\
         name = \"steady\"\n\
         kind = \"constant\"\n\
         rate = \"{RATE}\"\n\
         duration = \"60s\"\n\n"
    )
}

/// Returns a text without line breaks and other control characters.
pub(crate) fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(blank).collect()
}
