//! The parser on arbitrary text, and round trips of durations and rates.

use crate::support;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tenfold_scenarios::{Rate, Scenario, format_duration, parse_duration, preview};

fn parse(text: &str) -> Result<Scenario, tenfold_scenarios::ScenarioError> {
    // This folder does not exist, so no mutation reads a file of this machine.
    Scenario::parse(text, Path::new("no-such-folder/test.toml"))
}

pub(crate) const LIBRARY: [&str; 12] = [
    include_str!("../../uneven.toml"),
    include_str!("../../steady.toml"),
    include_str!("../../spike.toml"),
    include_str!("../../flash-crowd.toml"),
    include_str!("../../write-heavy.toml"),
    include_str!("../../ten-million-users.toml"),
    include_str!("../../journey.toml"),
    include_str!("../../day.toml"),
    include_str!("../../uploads.toml"),
    include_str!("../../hot-author.toml"),
    include_str!("../../retry-storm.toml"),
    include_str!("../fixture/language.toml"),
];

/// Texts inserted by mutations: parts of the format, and boundary values.
pub(crate) const PIECES: [&str; 32] = [
    "0",
    "-1",
    "1e308",
    "nan",
    "inf",
    "\"\"",
    "\"0/s\"",
    "\"0s\"",
    "\"100M/s\"",
    "\"30h\"",
    "[]",
    "{}",
    "{",
    "}",
    "\"",
    "\n",
    "[[keys]]",
    "[load]",
    "\"{key}\"",
    "\"{token}\"",
    "\"{text:99}\"",
    "true",
    "9223372036854775807",
    "kind = \"users\"",
    "\"closed\"",
    "\u{e4}\u{1f600}",
    "'p99 < 1ms'",
    "1.5",
    "'status == 200'",
    "while = 'page'",
    "{ repeat = 0, steps = [\"read\"] }",
    "script = 'fn after(a, b) { }'",
];

fn check(text: &str) {
    match parse(text) {
        Ok(scenario) => {
            // Accepted scenarios can run: their first arrivals are in order and in bounds.
            let mut last = None;
            for arrival in scenario.schedule().take(300) {
                assert!(Some(arrival.intended) > last || last.is_none());
                assert!(arrival.phase < scenario.phases.len());
                assert!(arrival.draw.request < scenario.requests.len());
                last = Some(arrival.intended);
            }
            assert!(
                support::steps(&scenario, 0, 50)
                    .iter()
                    .all(|step| step.draw.request < scenario.requests.len())
            );
        }
        Err(error) => {
            let lines = text.split('\n').count();
            assert!(error.line <= lines, "{error}");
            assert!(!error.message.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn mutated_scenarios_never_panic(
        file in 0..LIBRARY.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, 0..PIECES.len()), 1..4),
    ) {
        let mut characters: Vec<char> = LIBRARY[file].chars().collect();
        for (at, length, piece) in cuts {
            let at = at.index(characters.len());
            let end = (at + length).min(characters.len());
            characters.splice(at..end, PIECES[piece].chars());
        }
        check(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn values_replaced_never_panic(
        file in 0..LIBRARY.len(),
        line in any::<prop::sample::Index>(),
        piece in 0..PIECES.len(),
    ) {
        let mut lines: Vec<String> = LIBRARY[file].lines().map(str::to_owned).collect();
        let assigned: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
        let line = assigned[line.index(assigned.len())];
        let (name, _) = lines[line].split_once(" = ").unwrap();
        lines[line] = format!("{name} = {}", PIECES[piece]);
        check(&lines.join("\n"));
    }

    #[test]
    fn rules_never_panic(rule in "(service )?(p|p\\()?[a-z0-9.]{0,6}\\)? ?(<|<=|>|>=)? ?[0-9.]{0,5}(ms|s|%|us)?( for [a-z\" ]{0,10})?(, ?(abort|after|[0-9a-z]{0,4}| ){0,5})?") {
        let text = LIBRARY[1].replace("errors < 0.1%", &rule);
        let _ = parse(&text);
    }

    #[test]
    fn durations_round_trip(nanoseconds in any::<u64>(), shift in 0..64_u32) {
        let duration = Duration::from_nanos(nanoseconds >> shift);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn durations_and_rates_never_panic(text in "[0-9.hmsunk/ M\\-+e\u{b5}]{0,24}") {
        let _ = parse_duration(&text);
        let _ = text.parse::<Rate>();
    }

    #[test]
    fn rates_round_trip(rate in 0.0..1e8_f64, thousands in 0..100_000_u32) {
        for rate in [rate, rate.round(), f64::from(thousands) * 1000.0] {
            let rate = Rate::new(rate).unwrap();
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }
    }
}

#[test]
fn parses_durations() {
    let nanoseconds = |text: &str| {
        parse_duration(text)
            .map(|duration| duration.as_nanos())
            .ok()
    };
    assert_eq!(nanoseconds("500ms"), Some(500_000_000));
    assert_eq!(nanoseconds("90s"), Some(90_000_000_000));
    assert_eq!(nanoseconds("1h30m"), Some(5_400_000_000_000));
    assert_eq!(nanoseconds("250us"), Some(250_000));
    assert_eq!(nanoseconds("1.5s"), Some(1_500_000_000));
    assert_eq!(nanoseconds("0.5h"), Some(1_800_000_000_000));
    assert_eq!(nanoseconds("1.25m"), Some(75_000_000_000));
    assert_eq!(nanoseconds(" 3 s "), Some(3_000_000_000));
    assert_eq!(nanoseconds("584y"), None);
    for wrong in [
        "",
        "5",
        "1.5",
        "s",
        "5 parsecs",
        "-5s",
        "1..5s",
        "99999999h",
        "1e3s",
    ] {
        assert_eq!(nanoseconds(wrong), None, "{wrong}");
    }
    assert_eq!(format_duration(Duration::from_secs(90)), "90s");
    assert_eq!(format_duration(Duration::from_secs(5400)), "1h30m");
    assert_eq!(format_duration(Duration::from_micros(1500)), "1.5ms");
    assert_eq!(
        parse_duration("90").unwrap_err().to_string(),
        "`90` is a bare number, not a duration; write it with its unit: `90s`"
    );
}

#[test]
fn previews_a_month_without_walking_it() {
    let text = LIBRARY[5].replace("duration = \"60s\"", "duration = \"720h\"");
    let preview = preview(&parse(&text).unwrap());
    assert!(!preview.exact);
    // 100 billion reads and 1 billion writes in a month of 30 days.
    assert!(
        (preview.reads as f64 / 1.0368e11 - 1.0).abs() < 1e-3,
        "{}",
        preview.reads
    );
    assert!(preview.to_string().contains("expected values"));
}
