"""A receiver of OTLP over HTTP, with the messages of the OpenTelemetry project (PyPI: opentelemetry-proto).

It is a target as well: GET is answered, and the `traceparent` of the request is kept.

Usage: otlp_receiver.py FILE [SECONDS]. Prints its port. Writes a line of JSON to FILE for each message or `traceparent`.
Answers messages after SECONDS.
"""

import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

KINDS = {
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
    "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
}

out = open(sys.argv[1], "w")
delay = float(sys.argv[2]) if len(sys.argv) > 2 else 0
lock = threading.Lock()


def unknown(message):
    """Counts the fields that the messages of OpenTelemetry do not have, at any depth."""
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            values = value if hasattr(value, "__len__") else [value]
            count += sum(unknown(one) for one in values)
    return count


def keep(line):
    with lock:
        out.write(json.dumps(line) + "\n")
        out.flush()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one write.
    wbufsize = -1

    def do_GET(self):
        keep({"traceparent": self.headers["traceparent"]})
        self.answer(200, b"ok")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(delay)
        kind = KINDS.get(self.path)
        if kind is None or self.headers["content-type"] != "application/x-protobuf":
            self.answer(404, b"no such service")
            return
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        message = kind[0].FromString(body)
        keep(
            {
                "path": self.path,
                "authorization": self.headers["authorization"],
                "unknown_fields": unknown(message),
                "message": MessageToDict(message),
            }
        )
        self.answer(200, kind[1]().SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.request_queue_size = 128
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
