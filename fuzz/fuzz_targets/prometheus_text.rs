//! Prometheus text, as a target serves it at `/metrics`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_probe::{Metrics, ProbeError, Sample};

fuzz_target!(|text: &str| {
    let metrics = match Metrics::parse("fuzz", text) {
        Ok(metrics) => metrics,
        Err(ProbeError::NotMetrics { line, reason, .. }) => {
            assert!((1..=text.lines().count()).contains(&line), "{reason}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let written: String = metrics.samples().iter().map(line).collect();
    let again = Metrics::parse("written", &written).expect("text that was written");
    // As text, for NaN equals nothing.
    let samples = |metrics: &Metrics| format!("{:?}", metrics.samples());
    assert_eq!(samples(&metrics), samples(&again), "{written}");
    for sample in metrics.samples() {
        let sum = metrics.counter_sum(&sample.name);
        assert!(sum.is_none() || metrics.sum(&sample.name) >= Some(0.0));
    }
});

fn line(sample: &Sample) -> String {
    let labels = sample.labels.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{}\"", value.replace('\n', "\\n"))
    });
    let labels: Vec<String> = labels.collect();
    format!("{}{{{}}} {}\n", sample.name, labels.join(","), sample.value)
}
