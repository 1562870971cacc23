"""HTTP servers with one planted bottleneck each: server.py BOTTLENECK. Prints the port."""

import http.client
import http.server
import os
import socket
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
    """A peer that takes 20 ms for an answer, and a connection to it for each thread."""

    port = 0

    def connection(self):
        if not hasattr(self, "own"):
            self.own = http.client.HTTPConnection("127.0.0.1", Peer.port)
            self.own.connect()
            self.own.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.own


PEER = Peer()


def start_peer():
    class Slow(Handler):
        def work(self):
            time.sleep(0.02)

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


def nothing(_):
    pass


BOTTLENECKS = {
    "hot-handler": hot_handler,
    "small-pool": small_pool,
    "lock-across-work": lock_across_work,
    "slow-disk": slow_disk,
    "slow-peer": slow_peer_handler,
    "few-workers": few_workers,
    "nothing": nothing,
}


def main():
    name = sys.argv[1]
    Handler.work = BOTTLENECKS[name]
    if name == "slow-peer":
        start_peer()
    if name == "few-workers":
        # A worker serves one connection at a time, so each answer ends its connection.
        Handler.protocol_version = "HTTP/1.0"
        server = OneAtATime(("127.0.0.1", 0), Handler)
        parent = os.getpid()
        if os.fork() == 0:
            threading.Thread(target=end_with, args=(parent,), daemon=True).start()
            server.serve_forever()
    else:
        server = Threads(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
