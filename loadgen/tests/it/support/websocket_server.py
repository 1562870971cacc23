"""A WebSocket service of the library `websockets` (PyPI). Prints its port.

/echo answers each message with the same text; /twice answers it two times; /rooms/N sends `N:1`, `N:2` and so on, 20 ms apart;
/rude closes after the first message with code 1011; /gone ends the connection after it; /token answers with {"token": ...}; /cookie
answers with the cookie of the handshake; everything else is refused with status 403. The connection count is printed at the end
of each connection.
"""

import asyncio
import http
import sys

from websockets.asyncio.server import serve


async def handle(socket):
    path = socket.request.path
    if path.startswith("/rooms/"):
        room = path.removeprefix("/rooms/")
        for number in range(1, 1_000):
            await asyncio.sleep(0.02)
            await socket.send(f"{room}:{number}")
        return
    async for message in socket:
        if path == "/rude":
            await socket.close(1011, "out of order")
        elif path == "/gone":
            socket.transport.abort()
        elif path == "/silent":
            pass
        elif path == "/token":
            await socket.send('{"token": "t-1", "said": ' + message + "}")
        elif path == "/cookie":
            await socket.send(socket.request.headers.get("cookie", "none"))
        else:
            await socket.send(message)
            if path == "/twice":
                await socket.send(message)


def admit(connection, request):
    known = ["/echo", "/twice", "/rude", "/gone", "/silent", "/token", "/cookie"]
    print("connection", file=sys.stderr, flush=True)
    if request.path not in known and not request.path.startswith("/rooms/"):
        return connection.respond(http.HTTPStatus.FORBIDDEN, "members only\n")
    return None


def choose(connection, offered):
    return "chat.v1" if "chat.v1" in offered else None


async def main():
    async with serve(handle, "127.0.0.1", 0, process_request=admit, select_subprotocol=choose) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
