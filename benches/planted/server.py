"""HTTP servers with one planted bottleneck each: server.py BOTTLENECK. Prints the port."""

import asyncio
import http.client
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

REQUEST_QUEUE = 1024


def render(size):
    return sum(number * number for number in range(size))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise the second write of an answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self):
        self.work()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


class Threads(http.server.ThreadingHTTPServer):
    request_queue_size = REQUEST_QUEUE
    daemon_threads = True

    def handle_error(self, *arguments):
        pass


class OneAtATime(http.server.HTTPServer):
    request_queue_size = REQUEST_QUEUE

    def handle_error(self, *arguments):
        pass


def hot_handler(_):
    render(20_000)


POOL = threading.BoundedSemaphore(4)


def small_pool(_):
    with POOL:
        time.sleep(0.02)


LOCK = threading.Lock()


def lock_across_work(_):
    with LOCK:
        time.sleep(0.005)


DISK = threading.Lock()
FILE = tempfile.TemporaryFile(dir=".")


def slow_disk(_):
    with DISK:
        for _ in range(8):
            FILE.write(b"x" * 4096)
            FILE.flush()
            os.fsync(FILE.fileno())


def slow_peer_handler(_):
    with POOL:
        PEER.connection().request("GET", "/")
        PEER.connection().getresponse().read()


class Peer(threading.local):
    """A peer, and a connection to it for each thread."""

    port = 0

    def connection(self):
        if not hasattr(self, "own"):
            self.own = http.client.HTTPConnection("127.0.0.1", Peer.port)
            self.own.connect()
            self.own.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.own


PEER = Peer()


def start_peer(answer_s):
    class Slow(Handler):
        def work(self):
            time.sleep(answer_s)

    listening, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        server = Threads(("127.0.0.1", 0), Slow)
        os.write(writing, str(server.server_port).encode())
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
        server.serve_forever()
    Peer.port = int(os.read(listening, 16))


def end_with(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def few_workers(_):
    time.sleep(0.02)


ROWS = [{"id": number, "name": f"name {number}", "tags": ["a", "b", "c"]} for number in range(200)]


def slow_serialisation(_):
    # With an indent, the encoder is the one in Python.
    json.dumps(ROWS, indent=1)


VALUE = (0.0, None)


def load_value():
    return render(300_000)


def stampede(_):
    """One value for all, which expires once a second. Each request that misses it computes it."""
    global VALUE
    expires, value = VALUE
    if time.monotonic() > expires:
        value = load_value()
        VALUE = (time.monotonic() + 1, value)


def open_files(_):
    time.sleep(0.1)


def few_users(_):
    time.sleep(0.05)


def network_delay(_):
    with POOL:
        PEER.connection().request("GET", "/")
        PEER.connection().getresponse().read()


def start_relay(delay_s):
    """Passes bytes on to the peer and back, each after a delay, from another process."""
    peer = Peer.port
    listening = socket.create_server(("127.0.0.1", 0))
    if os.fork() == 0:
        os.setsid()
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()

        def pass_on(source, sink):
            while data := source.recv(65536):
                time.sleep(delay_s)
                sink.sendall(data)

        while True:
            inner, _ = listening.accept()
            outer = socket.create_connection(("127.0.0.1", peer))
            for one in (inner, outer):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair in ((inner, outer), (outer, inner)):
                threading.Thread(target=pass_on, args=pair, daemon=True).start()
    Peer.port = listening.getsockname()[1]
    listening.close()


def nothing(_):
    pass


class LateAcceptor(Threads):
    """Accepts what waits, then does something else for 50 ms."""

    request_queue_size = 8

    def service_actions(self):
        self.socket.setblocking(False)
        while True:
            try:
                request, address = self.socket.accept()
            except BlockingIOError:
                break
            request.setblocking(True)
            self.process_request(request, address)
        self.socket.setblocking(True)
        time.sleep(0.05)


def blocking_call():
    time.sleep(0.02)


async def answer_async(reader, writer):
    """An asynchronous handler with a call that blocks its worker."""
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            blocking_call()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve_async():
    server = await asyncio.start_server(answer_async, "127.0.0.1", 0, backlog=REQUEST_QUEUE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def with_tls(server):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", "key.pem", "-out", "cert.pem"],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    context.num_tickets = 0
    # The handshake is made by the thread of the connection.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


BOTTLENECKS = {
    "hot-handler": hot_handler,
    "small-pool": small_pool,
    "lock-across-work": lock_across_work,
    "slow-disk": slow_disk,
    "slow-peer": slow_peer_handler,
    "few-workers": few_workers,
    "slow-serialisation": slow_serialisation,
    "stampede": stampede,
    "open-files": open_files,
    "few-users": few_users,
    "network-delay": network_delay,
    "listen-queue": nothing,
    "handshakes": nothing,
    "nothing": nothing,
}


def main():
    name = sys.argv[1]
    if name == "blocking-call":
        asyncio.run(serve_async())
    Handler.work = BOTTLENECKS[name]
    if name == "slow-peer":
        start_peer(0.02)
    if name == "network-delay":
        start_peer(0)
        start_relay(0.01)
    if name in ("few-workers", "listen-queue", "handshakes"):
        # Each answer ends its connection.
        Handler.protocol_version = "HTTP/1.0"
    if name == "few-workers":
        server = OneAtATime(("127.0.0.1", 0), Handler)
        parent = os.getpid()
        if os.fork() == 0:
            threading.Thread(target=end_with, args=(parent,), daemon=True).start()
            server.serve_forever()
    else:
        kind = LateAcceptor if name == "listen-queue" else Threads
        server = kind(("127.0.0.1", 0), Handler)
    if name == "handshakes":
        with_tls(server)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
