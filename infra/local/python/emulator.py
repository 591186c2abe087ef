"""Starts the AWS emulator for the local fleet, with the API's front door in the same process.

Configuration comes from the environment:

    GATEWAY_PORT       port of the AWS endpoints
    FRONT_DOOR_PORT    port on which the HTTP API answers at `/`, as on its own host name on AWS
    FRONT_DOOR_API     id of that HTTP API (the localized template pins it)
    FUNCTION_LOGS      directory for what the functions print, one file per function

Everything else in the environment is the emulator's own (see its documentation) and reaches the functions as well,
so the caller keeps it small.
"""

import asyncio
import os
import socketserver
import sys
from datetime import datetime, timezone

# The Runtime API between emulator and function: Nagle's algorithm and delayed acknowledgements would add 40 ms to
# every call.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

from ministack.core import lambda_runtime  # noqa: E402

# After each call the emulator waits for log lines: up to 50 ms for a first one, then 5 ms for another. Every call
# would pay it. Without waiting, a line that comes late is attributed to the next call in CloudWatch Logs; the files
# that `_Tee` writes get it at once. The private method is one reason why the version is pinned.
_DRAIN_DEFAULTS = (0.050, 0.005, 0.250)
_drain = lambda_runtime.Worker._drain_stderr_bounded
if _drain.__defaults__ != _DRAIN_DEFAULTS:
    sys.exit("emulator.py: this version of ministack waits for logs in another way than the one it was written for")
_drain.__defaults__ = (0.0, 0.0, 0.250)


from ministack.core import iam_actions  # noqa: E402
from ministack.services import apigateway  # noqa: E402


class _Preflight(str):
    """The method OPTIONS, which the emulator does not recognise as such."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True


def route_preflights():
    """An HTTP API without CORS settings sends OPTIONS to the route, as any other method. The emulator answers 403 in its
    place, so the method goes past that comparison in disguise."""
    handle = apigateway._handle_execute_in_scope

    async def handle_or_route(api_id, stage, path, method, *rest, **named):
        api = apigateway._apis.get(api_id) or {}
        if method == "OPTIONS" and not api.get("corsConfiguration"):
            method = _Preflight(method)
        return await handle(api_id, stage, path, method, *rest, **named)

    apigateway._handle_execute_in_scope = handle_or_route


def allow_batches_like_single_calls():
    """On AWS the permission for a single call covers the batch call of SQS: there is no action sqs:SendMessageBatch."""
    extract = iam_actions.extract_iam_action

    def extract_existing(*call, **named):
        action = extract(*call, **named)
        if action and action.startswith("sqs:"):
            action = action.removesuffix("Batch")
        return action

    iam_actions.extract_iam_action = extract_existing


class _Tee:
    """A function's output stream that also appends every line to a file as it is printed, after the time and a tab."""

    def __init__(self, stream, path):
        self._stream = stream
        self._file = open(path, "ab", buffering=0)

    def readline(self):
        line = self._stream.readline()
        if line:
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").encode()
            self._file.write(now + b"\t" + line.rstrip(b"\r\n") + b"\n")
        return line

    def close(self):
        self._file.close()
        self._stream.close()


def tee_function_logs(directory):
    """CloudWatch Logs get a function's lines when a call ends; a person watching wants them at once, and wants
    the last words of a process that died."""
    os.makedirs(directory, exist_ok=True)
    pump = lambda_runtime.ProvidedWorker._pump_output

    def pump_and_tee(self, stream, log_queue):
        name = os.path.basename(self.func_name) + ".log"
        pump(self, _Tee(stream, os.path.join(directory, name)), log_queue)

    lambda_runtime.ProvidedWorker._pump_output = pump_and_tee


def front_door(app, port, api_id):
    """Wraps the emulator: a request that comes in on `port` is for the HTTP API, whatever its path.

    On AWS the API has a host name of its own. Here the emulator tells it by a path prefix, which is added to the
    paths of the front door and to nothing else: body, query string, headers and answer are not looked at.
    """
    prefix = f"/_aws/execute-api/{api_id}/$default"
    raw_prefix = prefix.encode()

    async def door(scope, receive, send):
        if scope["type"] in ("http", "websocket") and scope["server"][1] == port:
            scope = dict(scope, path=prefix + scope["path"])
            if scope.get("raw_path") is not None:
                scope["raw_path"] = raw_prefix + scope["raw_path"]
        await app(scope, receive, send)

    return door


def raise_file_limit():
    """A burst of connections and one pipe per running function must not meet the soft limit of 1024 files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    port = int(os.environ["GATEWAY_PORT"])
    door_port = int(os.environ["FRONT_DOOR_PORT"])
    host = os.environ.get("BIND_HOST", "127.0.0.1")

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import LOG_LEVEL, app

    raise_file_limit()
    route_preflights()
    allow_batches_like_single_calls()
    tee_function_logs(os.environ["FUNCTION_LOGS"])

    config = Config()
    config.bind = [f"{host}:{port}", f"{host}:{door_port}"]
    config.backlog = 1024
    config.keep_alive_timeout = 75
    # The default closes a connection after 1,000 requests, which a client under load sees as an error.
    config.keep_alive_max_requests = 1_000_000_000
    config.loglevel = LOG_LEVEL.upper()
    asyncio.run(serve(front_door(app, door_port, os.environ["FRONT_DOOR_API"]), config))


if __name__ == "__main__":
    main()
