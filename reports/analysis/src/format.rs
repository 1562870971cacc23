//! Formats figures for people: three significant digits and a unit.

/// Formats a duration in nanoseconds: `847 ns`, `47.3 µs`, `12.3 ms`, `1.80 s`, `95.0 s`.
pub fn duration(ns: u64) -> String {
    duration_of(ns as f64)
}

/// Formats a duration in fractional nanoseconds.
pub fn duration_of(ns: f64) -> String {
    // From these bounds on, three digits round up to the next unit.
    let (value, unit) = match ns {
        ns if ns < 999.5 => return format!("{ns:.0} ns"),
        ns if ns < 999_500.0 => (ns / 1e3, "µs"),
        ns if ns < 999_500_000.0 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", significant(value))
}

/// Formats a duration; a dash for `None`.
pub fn maybe_duration(ns: Option<u64>) -> String {
    ns.map_or_else(|| "–".to_owned(), duration)
}

/// Formats a whole number with thousands separators: `40,400`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a rate: `2,003/s`, `47.3/s`.
pub fn rate(per_second: f64) -> String {
    if per_second >= 999.5 {
        format!("{}/s", count(per_second.round() as u64))
    } else {
        format!("{}/s", significant(per_second))
    }
}

/// Formats a share: `99.8%`, `0.013%`, `100%`. A share below 1 never rounds to 100%.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        0.0 => "0%".to_owned(),
        100.0 => "100%".to_owned(),
        v if (99.0..100.0).contains(&v) => format!("{:.2}%", v.min(99.99)),
        v if v < 0.001 => "<0.001%".to_owned(),
        v => format!("{}%", significant(v)),
    }
}

/// Formats a change, a ratio minus one, with its sign: `+5.03%`, `−12.4%`, `0%`.
pub fn change(ratio: f64) -> String {
    let value = ratio * 100.0;
    let digits = match value.abs() {
        v if v >= 99.95 => count(v.round() as u64),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.005 => format!("{v:.2}"),
        _ => return "0%".to_owned(),
    };
    let sign = if value < 0.0 { '−' } else { '+' };
    format!("{sign}{digits}%")
}

/// Formats a number of bytes: `512 B`, `14.2 MiB`.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            return if unit == "B" {
                format!("{number} B")
            } else {
                format!("{} {unit}", significant(value))
            };
        }
        value /= 1024.0;
    }
    format!("{} TiB", significant(value))
}

/// Formats a number with three significant digits, or with all digits if it has more before the point.
pub fn significant(value: f64) -> String {
    match value.abs() {
        v if v >= 999.5 => count(value.round() as u64),
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        v if v >= 0.09995 => format!("{value:.3}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.4}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let ns = [
            847,
            47_310,
            999_499,
            999_500,
            12_345_678,
            1_800_000_000,
            95_000_000_000,
        ];
        assert_eq!(
            ns.map(duration),
            [
                "847 ns", "47.3 µs", "999 µs", "1.00 ms", "12.3 ms", "1.80 s", "95.0 s"
            ]
        );
    }

    #[test]
    fn numbers_have_their_units() {
        assert_eq!(count(40_400), "40,400");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(rate(2003.4), "2,003/s");
        assert_eq!(rate(47.31), "47.3/s");
        assert_eq!(percent(0.99999), "99.99%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(percent(0.0), "0%");
        assert_eq!(percent(0.00013), "0.013%");
        assert_eq!(percent(0.047), "4.70%");
        let changes = [0.0503, -0.124, 0.00004, -0.0004, 1.5, 12.345];
        assert_eq!(
            changes.map(change),
            ["+5.03%", "−12.4%", "0%", "−0.04%", "+150%", "+1,235%"]
        );
        assert_eq!(bytes(14_900_000), "14.2 MiB");
    }
}
