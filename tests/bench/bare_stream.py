"""The floor under the chat page: event streams of aiohttp and nothing else. What is posted to `/say` goes to all who listen.

`python -m tests.bench.bare_stream PORT` says "ready" and serves until it is killed.
"""

import asyncio
import sys

from aiohttp import web

STREAMS: web.AppKey[set[web.StreamResponse]] = web.AppKey("streams")


async def _listen(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": here\n")
    request.app[STREAMS].add(response)
    await asyncio.Event().wait()
    return response


async def _say(request: web.Request) -> web.Response:
    told = b"data: " + await request.read() + b"\n\n"
    for stream in request.app[STREAMS]:
        await stream.write(told)
    return web.Response()


async def serve(port: int) -> None:
    """Serve for ever."""
    application = web.Application()
    application[STREAMS] = set()
    application.add_routes([web.get("/listen", _listen), web.post("/say", _say)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
