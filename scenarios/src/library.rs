//! The library: scenarios that are compiled in, and the prices of boxes.

/// TOML text of the prices of boxes, in the file `prices.toml` beside the scenarios.
pub const PRICES: &str = include_str!("../prices.toml");

/// Name and TOML text of each scenario of the library. A program that has this crate can run them without a file.
pub const LIBRARY: [(&str, &str); 12] = [
    ("uneven", include_str!("../uneven.toml")),
    ("steady", include_str!("../steady.toml")),
    ("spike", include_str!("../spike.toml")),
    ("flash-crowd", include_str!("../flash-crowd.toml")),
    ("write-heavy", include_str!("../write-heavy.toml")),
    (
        "ten-million-users",
        include_str!("../ten-million-users.toml"),
    ),
    ("journey", include_str!("../journey.toml")),
    ("live-feed", include_str!("../live-feed.toml")),
    ("day", include_str!("../day.toml")),
    ("uploads", include_str!("../uploads.toml")),
    ("hot-author", include_str!("../hot-author.toml")),
    ("retry-storm", include_str!("../retry-storm.toml")),
];
