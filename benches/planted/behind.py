"""HTTP servers with a database or a cache behind them, and one planted bottleneck each: behind.py BOTTLENECK PORT_OF_THE_COMPONENT.

Prints the port.
"""

import queue
import random
import socket
import sys
import threading
import time

from server import Handler, Threads

CONNECTIONS = 24
AUTHORS = 2_000
POSTS = 20_000
KEYS = 2_000
VALUE = b"x" * 4096

COMPONENT = int(sys.argv[2])
POOL = queue.Queue()
STORE = threading.BoundedSemaphore(8)


class Cache:
    """A connection to Redis, in as much of its protocol as is needed."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", COMPONENT))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def run(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        text = b"*%d\r\n" % len(words)
        text += b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(text)
        return self.read()

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        return rest


def open_database():
    import pymysql

    return pymysql.connect(host="127.0.0.1", port=COMPONENT, user="root", database="planted", autocommit=True)


def fill_database():
    connection = open_database()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE post (id INT PRIMARY KEY, author INT NOT NULL, text VARCHAR(200) NOT NULL)")
    cursor.execute("CREATE TABLE visits (id INT PRIMARY KEY, count INT NOT NULL)")
    cursor.execute("INSERT INTO visits VALUES (1, 0)")
    rows = [(number, number % AUTHORS, "words " * 20) for number in range(POSTS)]
    for start in range(0, POSTS, 1_000):
        cursor.executemany("INSERT INTO post VALUES (%s, %s, %s)", rows[start:start + 1_000])
    connection.close()


class Lent:
    """A connection of the pool."""

    def __enter__(self):
        self.connection = POOL.get()
        return self.connection

    def __exit__(self, *_):
        POOL.put(self.connection)


def read_posts(_):
    with Lent() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, text FROM post WHERE author = %s", (random.randrange(AUTHORS),))
        cursor.fetchall()


def read_each_post(_):
    first = random.randrange(POSTS - 40)
    with Lent() as connection, connection.cursor() as cursor:
        for number in range(first, first + 40):
            cursor.execute("SELECT text FROM post WHERE id = %s", (number,))
            cursor.fetchone()


def count_visit(_):
    with Lent() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE visits SET count = count + 1 WHERE id = 1")
        time.sleep(0.005)
        cursor.execute("COMMIT")


def fill_cache():
    cache = Cache()
    for number in range(40_000):
        cache.run("SET", f"user:{number}", "x")


def list_keys(_):
    with Lent() as cache:
        cache.run("KEYS", "user:9999*")


def read_through_cache(_):
    key = f"page:{random.randrange(KEYS)}"
    with Lent() as cache:
        found = cache.run("GET", key)
    if found is None:
        with STORE:
            time.sleep(0.02)
        with Lent() as cache:
            cache.run("SET", key, VALUE)


# Each with the component's connection, and what fills it.
BOTTLENECKS = {
    "missing-index": (read_posts, open_database, fill_database),
    "many-statements": (read_each_post, open_database, fill_database),
    "hot-row": (count_visit, open_database, fill_database),
    "slow-cache": (list_keys, Cache, fill_cache),
    "small-cache": (read_through_cache, Cache, lambda: None),
}


def main():
    work, connect, fill = BOTTLENECKS[sys.argv[1]]
    fill()
    for _ in range(CONNECTIONS):
        POOL.put(connect())
    Handler.work = work
    server = Threads(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
