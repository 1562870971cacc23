//! Arrivals at the end of a phase, and phases that follow one another.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use std::time::Duration;

use tenfold_scenarios::{Arrival, Scenario};

/// A scenario of even arrivals with these phases, in a folder with these traces.
fn scenario(phases: &str, traces: &[(&str, Vec<u64>)]) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, at_ms) in traces {
        let lines = at_ms.iter().enumerate().map(|(index, at)| {
            format!("{{\"at_ms\": {at}, \"request\": \"get\", \"target\": \"/{name}/{index}\"}}\n")
        });
        std::fs::write(folder.path().join(name), lines.collect::<String>()).unwrap();
    }
    // Only a trace has targets.
    let kinds = |kind| phases.matches(&format!("kind = \"{kind}")).count();
    let path = match kinds("trace") == kinds("") {
        true => "{target}",
        false => "/",
    };
    let text = format!(
        "version = 1\nname = \"ends\"\nload = {{ arrivals = \"even\" }}\nphases = [{phases}]\n\
         requests = [{{ name = \"get\", kind = \"read\", path = \"{path}\" }}]\n"
    );
    Scenario::parse(&text, &folder.path().join("ends.toml")).map_err(|error| error.message)
}

fn arrivals(phases: &str, traces: &[(&str, Vec<u64>)]) -> (Scenario, Vec<Arrival>) {
    let scenario = scenario(phases, traces).unwrap_or_else(|error| panic!("{error}"));
    let arrivals = scenario.schedule().collect();
    (scenario, arrivals)
}

fn times(arrivals: &[Arrival]) -> Vec<(usize, u64)> {
    arrivals
        .iter()
        .map(|arrival| (arrival.phase, arrival.intended.as_nanos() as u64))
        .collect()
}

#[test]
fn arrival_due_at_the_end_belongs_to_the_next_phase() {
    // Three halves of an arrival are expected in the first phase: the second one is due exactly at its end.
    let (_, all) = arrivals(
        r#"{ name = "a", kind = "constant", rate = "3/s", duration = "500ms" },
           { name = "b", kind = "constant", rate = "1/s", duration = "1s" }"#,
        &[],
    );
    assert_eq!(times(&all), [(0, 166_666_667), (1, 500_000_000)]);
}

#[test]
fn rounding_moves_no_arrival_beyond_its_phase() {
    // Each is due 0.05 ns before the end of its phase.
    let (_, all) = arrivals(
        r#"{ name = "a", kind = "constant", rate = "1.0000000001/s", duration = "500ms" },
           { name = "b", kind = "constant", rate = "1/s", duration = "1s" }"#,
        &[],
    );
    assert_eq!(times(&all), [(0, 499_999_999), (1, 1_499_999_999)]);
}

#[test]
fn crowded_arrivals_spill_into_the_next_phase() {
    let crowded = r#"{ name = "a", kind = "trace", file = "crowd", duration = "1us" }"#;
    let quiet = r#"{ name = "b", kind = "constant", rate = "0/s", duration = "1us" }"#;
    let traces = [("crowd", vec![0; 2_500])];
    let (scenario, all) = arrivals(
        &format!("{crowded}, {quiet}, {}", quiet.replace("\"b\"", "\"c\"")),
        &traces,
    );
    assert_eq!(all.len(), 2_500);
    for (at, arrival) in (0..).zip(&all) {
        assert_eq!(arrival.intended, Duration::from_nanos(at));
        assert_eq!(scenario.phase_at(arrival.intended), Some(arrival.phase));
    }
    // The last phase has no successor.
    let (_, alone) = arrivals(crowded, &traces);
    assert_eq!(alone.len(), 2_500);
    assert!(alone.iter().all(|arrival| arrival.phase == 0));
}

#[test]
fn entries_of_several_traces_have_their_own_targets() {
    let (scenario, all) = arrivals(
        r#"{ name = "a", kind = "trace", file = "one" },
           { name = "b", kind = "trace", file = "two", speed = 2 }"#,
        &[("one", vec![0, 5, 9]), ("two", vec![2, 4])],
    );
    let targets: Vec<&str> = all
        .iter()
        .map(|arrival| scenario.recorded_target(&arrival.draw).unwrap())
        .collect();
    assert_eq!(targets, ["/one/0", "/one/1", "/one/2", "/two/0", "/two/1"]);
    // A trace lasts until a millisecond after its last request.
    let ms = [(0, 0), (0, 5), (0, 9), (1, 11), (1, 12)];
    let expected = ms.map(|(phase, ms): (usize, u64)| (phase, ms * 1_000_000));
    assert_eq!(times(&all), expected);
    assert_eq!(scenario.duration(), Duration::from_millis(10 + 3));
}

#[test]
fn limits_of_a_phase_include_their_ends() {
    let accepts = |phase: &str| {
        let kept = scenario(
            &format!("{{ name = \"a\", {phase} }}"),
            &[("one", vec![0, 9])],
        );
        kept.map(|scenario| scenario.duration())
    };
    let lasts = |text: &str| {
        accepts(&format!(
            "kind = \"constant\", rate = \"1/s\", duration = \"{text}\""
        ))
    };
    assert_eq!(lasts("720h"), Ok(Duration::from_secs(30 * 24 * 3600)));
    assert!(lasts("720h1ms").unwrap_err().contains("at most 30 days"));
    assert!(lasts("0s").unwrap_err().contains("more than 0s"));
    let spike = |seconds: u32| {
        accepts(&format!(
            "kind = \"spike\", base = \"1/s\", peak = \"2/s\", at = \"1s\", rise = \"1s\", hold = \"1s\", \
             fall = \"1s\", duration = \"{seconds}s\""
        ))
    };
    assert_eq!(spike(4), Ok(Duration::from_secs(4)));
    assert!(spike(3).unwrap_err().contains("ends after 4s"));
    let swell = |high: &str, period: &str| {
        accepts(&format!(
            "kind = \"diurnal\", low = \"5/s\", high = \"{high}\", period = \"{period}\", duration = \"1s\""
        ))
    };
    assert!(swell("5/s", "1ms").is_ok());
    assert!(
        swell("4/s", "1ms")
            .unwrap_err()
            .contains("lower than `low`")
    );
    assert!(swell("5/s", "999us").unwrap_err().contains("at least 1ms"));
    let trace = |duration: &str| {
        accepts(&format!(
            "kind = \"trace\", file = \"one\", duration = \"{duration}\""
        ))
    };
    assert_eq!(trace("10ms"), Ok(Duration::from_millis(10)));
    assert!(
        trace("10001us")
            .unwrap_err()
            .contains("less than the phase")
    );
}
