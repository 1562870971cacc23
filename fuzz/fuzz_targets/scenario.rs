//! Scenarios. Those that are accepted must have a schedule and requests.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tenfold_scenarios::{LastResponse, Rendered, Scenario, preview};

/// Arrivals and steps that are checked.
const STEPS_MAX: usize = 100;

/// Arrivals of a scenario of which a preview is made, which walks the whole schedule.
const PREVIEW_ARRIVALS_MAX: f64 = 1000.0;

/// Digits of the length of a `{text:N}` or `{hex:N}` that is rendered. 16 MiB are allowed, but take long.
const LENGTH_DIGITS_MAX: usize = 3;

fuzz_target!(|text: &str| {
    // The folder does not exist, so that a scenario reads no file.
    let scenario = match Scenario::parse(text, Path::new("no-such-folder/fuzz.toml")) {
        Ok(scenario) => scenario,
        Err(error) => {
            assert!(error.line <= text.split('\n').count(), "{error}");
            assert!(!error.message.is_empty(), "{error:?}");
            return;
        }
    };
    assert_eq!(scenario.text, text);
    check_arrivals(&scenario);
    check_journey(&scenario);
    let expected: f64 = scenario.phases.iter().map(|p| p.expected_arrivals()).sum();
    if expected <= PREVIEW_ARRIVALS_MAX {
        let preview = preview(&scenario);
        assert_eq!(preview.requests.len(), scenario.requests.len());
        assert!(!preview.to_string().is_empty());
    }
});

fn check_arrivals(scenario: &Scenario) {
    let mut last = None;
    let mut rendered = Rendered::default();
    let lengths = scenario.text.split(':').skip(1);
    let is_rendered = lengths
        .map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count())
        .all(|digits| digits <= LENGTH_DIGITS_MAX);
    for arrival in scenario.schedule().take(STEPS_MAX) {
        assert!(last.is_none() || last < Some(arrival.intended));
        last = Some(arrival.intended);
        assert!(arrival.intended < scenario.duration());
        assert_eq!(scenario.phase_at(arrival.intended), Some(arrival.phase));
        let request = &scenario.requests[arrival.draw.request];
        if !is_rendered {
            continue;
        }
        let is_ok = request
            .render(&arrival.draw, &scenario.variables(), &mut rendered)
            .is_ok();
        assert!(!is_ok || !rendered.path.bytes().any(|b| b <= b' '));
    }
}

fn check_journey(scenario: &Scenario) {
    let Some(mut walk) = scenario.journey_walk(0) else {
        return;
    };
    let mut variables = scenario.variables();
    let mut steps = 0;
    // A journey may have no step.
    for _ in 0..STEPS_MAX {
        walk.begin(&mut variables);
        while let Ok(Some(step)) = walk.next_step(&variables, LastResponse::default()) {
            assert!(step.draw.request < scenario.requests.len());
            steps += 1;
            if steps == STEPS_MAX {
                return;
            }
        }
    }
}
