//! Failure classes in words.

/// Describes a class of failures. Returns the name of an unknown class.
pub(crate) fn describe(class: &str) -> &str {
    match class {
        "connect" => "refused connections",
        "tls" => "failed TLS handshakes",
        "timeout" => "timeouts",
        "connection" => "connections closed before a response",
        "closed_idle" => "kept-alive connections that the service had closed",
        "short_body" => "truncated bodies",
        "malformed" => "malformed HTTP responses",
        "redirect" => "redirects that could not be followed",
        "redirect_refused" => "redirects to hosts without permission",
        "unexpected_status" => "unexpected statuses",
        "failed_check" => "failed checks",
        "missing_capture" => "missing captures",
        "event_stream" => "answers that are no complete stream of events",
        "websocket" => "WebSocket conversations that the service broke off or garbled",
        "grpc" => "answers that are not complete gRPC answers",
        "script" => "script errors",
        "script_timeout" => "script timeouts",
        "missing_variable" => "missing variables",
        "unsendable" => "requests that could not be built",
        "local_ports" => "a lack of local ports",
        "open_files" => "the limit on open files",
        "local_memory" => "a lack of kernel memory for connections",
        "local_network" => "a missing route to the target",
        "local_denied" => "connections that its machine forbids",
        "generator_limit" => "answers beyond a limit of the generator",
        "lost_user" => "a defect of the generator",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::counts::FAILURE_CLASSES;

    use super::*;

    #[test]
    fn describes_every_class() {
        for (class, _) in FAILURE_CLASSES {
            assert_ne!(describe(class), class);
        }
    }
}
