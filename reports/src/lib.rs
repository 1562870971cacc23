//! HTML, terminal and JSON: formats what analysis returns.
