"""Plays people with WebSockets, by the `websockets` library, for `realtime.rs`.

Each line of the input is a command, each line of the output is what happened, both in JSON:

    {"open": name, "url": url}      -> {"name": name, "opened": true} or {"name": name, "refused": status}
    {"send": name, "text": text}
    {"close": name}
                                    -> {"name": name, "heard": text}
                                    -> {"name": name, "closed": code}
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

connections = {}


def tell(name, **what):
    sys.stdout.write(json.dumps({"name": name, **what}) + "\n")
    sys.stdout.flush()


async def live(name, url):
    try:
        # `None`: no pings of the protocol, so that nothing but what was asked for is said.
        async with connect(url, ping_interval=None, open_timeout=60, proxy=None) as socket:
            connections[name] = socket
            tell(name, opened=True)
            async for text in socket:
                tell(name, heard=text)
            tell(name, closed=socket.close_code)
    except InvalidStatus as refusal:
        tell(name, refused=refusal.response.status_code)
    except ConnectionClosed as end:
        tell(name, closed=end.rcvd.code if end.rcvd else None)


async def main():
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    living = set()
    while line := await lines.readline():
        command = json.loads(line)
        if "open" in command:
            task = asyncio.create_task(live(command["open"], command["url"]))
            living.add(task)
            task.add_done_callback(living.discard)
        elif "send" in command:
            await connections[command["send"]].send(command["text"])
        elif "close" in command:
            await connections[command["close"]].close()


asyncio.run(main())
