"""How a call of the bot is answered, over whatever wire it comes; what there is to call stands in `methods`."""

from functools import partial
from http import HTTPStatus

from bot.webchat import methods
from bot.webchat.calls import Call
from bot.webchat.errors import ApiError, ConnectionCut
from bot.webchat.limits import DOWNLOAD_BYTES
from bot.webchat.objects import Json
from bot.webchat.server import BotServer
from storage.models.webchat import WebchatFile


async def answer(server: BotServer, call: Call) -> object:
    """Answer one call of the bot. Raises ApiError, and ConnectionCut where `faults` ask for it."""
    name = call.method.lower()
    fault = server.options.faults(call) if server.options.faults else None
    if fault and fault.cut == "before":
        raise ConnectionCut
    if fault and fault.error:
        raise fault.error
    if name in methods.WRITING:
        result: object = await server.unit(partial(methods.WRITING[name], server, call))
    elif name in methods.READING:
        result = await methods.READING[name](server, call)
    else:
        raise ApiError(HTTPStatus.NOT_FOUND, "Not Found: method not found")
    if fault and fault.cut == "after":
        raise ConnectionCut
    return result


async def respond(server: BotServer, token: str, call: Call) -> tuple[HTTPStatus, Json]:
    """The answer as it goes over a wire. Raises ConnectionCut."""
    if token != server.token:
        return _refusal(ApiError(HTTPStatus.UNAUTHORIZED, "Unauthorized"))
    try:
        return HTTPStatus.OK, {"ok": True, "result": await answer(server, call)}
    except ApiError as error:
        return _refusal(error)


def _refusal(error: ApiError) -> tuple[HTTPStatus, Json]:
    body: Json = {"ok": False, "error_code": error.status.value, "description": error.description}
    return error.status, body | ({"parameters": error.parameters} if error.parameters else {})


async def download(server: BotServer, path: str) -> bytes | None:
    """The content behind a `file_path` of getFile; None when there is none."""
    file = await WebchatFile.get_or_none(network=server.network, file_id=path.removeprefix("documents/"))
    return file.content if file and file.size <= DOWNLOAD_BYTES else None
