//! Trace files, the JSON Lines that a scenario replays.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_fuzz::temporary_file;
use tenfold_scenarios::Scenario;

fuzz_target!(|data: &[u8]| {
    let file = temporary_file("trace.jsonl");
    std::fs::write(&file, data).expect("the folder for temporary files is writable");
    let text = format!(
        "version = 1\nname = \"trace\"\n\
         [[phases]]\nname = \"replay\"\nkind = \"trace\"\nfile = \"{}\"\n\
         [[requests]]\nname = \"GET\"\nkind = \"read\"\npath = \"{{target}}\"\n\
         [[requests]]\nname = \"POST\"\nkind = \"write\"\nmethod = \"POST\"\npath = \"{{target}}\"\n\
         body = \"{{target_body}}\"\n",
        file.display()
    );
    let lines = data.split(|byte| *byte == b'\n');
    match Scenario::parse(&text, &temporary_file("trace.toml")) {
        Err(error) => assert!(!error.message.is_empty(), "{error:?}"),
        Ok(scenario) => {
            let mut last = None;
            let mut arrivals = 0;
            for arrival in scenario.schedule() {
                assert!(last.is_none() || last < Some(arrival.intended));
                last = Some(arrival.intended);
                let target = scenario.recorded_target(&arrival.draw);
                let target = target.expect("each arrival of a trace has a target");
                assert!(!target.is_empty());
                arrivals += 1;
            }
            let filled = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace));
            assert_eq!(arrivals, filled.count());
        }
    }
});
