//! Statuses of gRPC.

/// Name and code of each status (<https://grpc.io/docs/guides/status-codes/>).
pub(crate) const GRPC_STATUSES: [(&str, u16); 17] = [
    ("OK", 0),
    ("CANCELLED", 1),
    ("UNKNOWN", 2),
    ("INVALID_ARGUMENT", 3),
    ("DEADLINE_EXCEEDED", 4),
    ("NOT_FOUND", 5),
    ("ALREADY_EXISTS", 6),
    ("PERMISSION_DENIED", 7),
    ("RESOURCE_EXHAUSTED", 8),
    ("FAILED_PRECONDITION", 9),
    ("ABORTED", 10),
    ("OUT_OF_RANGE", 11),
    ("UNIMPLEMENTED", 12),
    ("INTERNAL", 13),
    ("UNAVAILABLE", 14),
    ("DATA_LOSS", 15),
    ("UNAUTHENTICATED", 16),
];

/// Formats a status: `200` of HTTP, or `14 UNAVAILABLE` of gRPC, whose codes are below those of HTTP.
pub fn status_text(status: u16) -> String {
    let name = GRPC_STATUSES.iter().find(|(_, code)| *code == status);
    match name {
        Some((name, code)) => format!("{code} {name}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_grpc_have_a_name() {
        assert_eq!(status_text(0), "0 OK");
        assert_eq!(status_text(16), "16 UNAUTHENTICATED");
        assert_eq!(status_text(17), "17");
        assert_eq!(status_text(200), "200");
        for (index, (_, code)) in GRPC_STATUSES.iter().enumerate() {
            assert_eq!(usize::from(*code), index);
        }
    }
}
