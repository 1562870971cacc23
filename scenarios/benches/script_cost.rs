//! Cost of a script per request: `cargo bench --profile dist -p tenfold-scenarios --bench script_cost`.
//!
//! Calls `before` and `after` of several scripts many times, with a JSON response of 1 KB, and prints
//! the time per call in the best of many rounds. Other load on the machine can only add to it.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use http::HeaderMap;
use tenfold_scenarios::{Scenario, ScriptClock, ScriptResponse};

/// Calls of each script per round.
const CALLS: u32 = 500;

/// Number of rounds; the best counts.
const ROUNDS: u32 = 200;

/// Wall-clock time for both, because such short calls never reach the check of CPU time.
const CLOCK: ScriptClock = ScriptClock {
    wall_ns: wall,
    thread_cpu_ns: wall,
};

fn wall() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Name and source of each script.
const SCRIPTS: [(&str, &str); 4] = [
    ("empty", "fn before(vars) { } fn after(response, vars) { }"),
    (
        "counter",
        "fn before(vars) { vars.page = parse_int(vars.page) + 1; }\n\
         fn after(response, vars) { vars.check(\"ok\", response.status == 200); }",
    ),
    (
        "json",
        "fn before(vars) { vars.page = parse_int(vars.page) + 1; }\n\
         fn after(response, vars) { vars.id = response.json.items[0].id; }",
    ),
    (
        "loop of 100",
        "fn before(vars) { let sum = 0; for n in 0..100 { sum += n; } vars.page = sum; }\n\
         fn after(response, vars) { }",
    ),
];

#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let items: Vec<String> = (0..40)
        .map(|id| format!("{{\"id\":{id},\"name\":\"item\"}}"))
        .collect();
    let body = format!("{{\"items\":[{}]}}", items.join(","));
    println!(
        "responses of {} bytes; best of {ROUNDS} rounds of {CALLS} calls",
        body.len()
    );
    println!("{:12} {:>12} {:>12}", "script", "before, us", "after, us");
    for (name, script) in SCRIPTS {
        let text = format!(
            "version = 1\nname = \"cost\"\n[variables]\npage = 0\nid = 0\n[[phases]]\nname = \"p\"\n\
             kind = \"constant\"\nrate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\n\
             kind = \"read\"\npath = \"/\"\nscript = '''{script}'''"
        );
        let scenario = Scenario::parse(&text, Path::new("cost.toml"))?;
        let Some(script) = &scenario.requests[0].script else {
            continue;
        };
        let mut variables = scenario.variables();
        let response = ScriptResponse {
            status: 200,
            headers: HeaderMap::new(),
            body: body.clone().into_bytes(),
            is_cut: false,
            body_bytes: body.len() as u64,
            service_ms: 1.0,
        };
        let before = best(|call| {
            variables.clear();
            script.before(&mut variables, call, CLOCK).error
        })?;
        let after = best(|call| {
            script
                .after(response.clone(), &mut variables, call, CLOCK)
                .error
        })?;
        println!("{name:12} {before:>12.2} {after:>12.2}");
    }
    Ok(())
}

/// Returns the time per call in the best round, in microseconds, or the first error.
fn best(mut call: impl FnMut(u64) -> Option<String>) -> Result<f64, String> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for number in 0..CALLS {
            if let Some(error) = call(number.into()) {
                return Err(error);
            }
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
    }
    Ok(best)
}
