"""Two servers on this machine: the real `transformers serve`, and one of ours that fails as it is told to."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@contextmanager
def transformers_serve(log: Path, seconds: float = 120) -> Iterator[str]:
    """Run the library's own server, offline; yields the address of its /v1. It serves any directory a request names."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + seconds
        while not _healthy(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"transformers serve did not start: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass
class Reply:
    """What the faulty server does with one request.

    ``texts`` None: as many texts as were asked for. ``cut``: the connection ends in the middle of the body. ``raw``: this
    body instead of JSON. ``seconds``: wait first.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    texts: list[str | None] | None = None
    end: str | None = "stop"
    message: str = "as it was told to"
    code: str | None = None
    cut: bool = False
    raw: str | None = None
    kind: str = "application/json"
    seconds: float = 0.0
    usage: bool = True
    more: dict[str, Any] = field(default_factory=dict)


Plan = Callable[[int, dict[str, Any]], Reply | None]


class Faulty:
    """A server whose ``plan(number, body)`` says what happens to the number-th request; None: it answers well.

    A text is "<prompt's last word>/<seed>/<index>", so that a test sees what was asked. ``bodies`` are the requests so far.
    """

    def __init__(self, plan: Plan | None = None, port: int = 0) -> None:
        self.plan: Plan = plan if plan is not None else lambda number, body: None
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def prompts(self) -> list[str]:
        return [body.get("prompt") or body["messages"][0]["content"] for body in self.bodies]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            number = len(self.bodies)
            self.bodies.append(body)
            self.paths.append(handler.path)
            self.keys.append(handler.headers["authorization"])
        reply = self.plan(number, body) or Reply()
        time.sleep(reply.seconds)
        text = reply.raw if reply.raw is not None else json.dumps(self._json(reply, body))
        data = text.encode()
        try:
            handler.send_response(reply.status)
            handler.send_header("content-type", reply.kind)
            handler.send_header("content-length", str(len(data)))
            for name, value in reply.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(data[: len(data) // 2] if reply.cut else data)
            handler.wfile.flush()
        except OSError:  # the client went away
            pass
        handler.close_connection = True

    def _json(self, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
        if reply.status != 200:
            return {"error": {"message": reply.message, "type": "x", "code": reply.code}}
        chat = "messages" in body
        prompt = body["messages"][0]["content"] if chat else body["prompt"]
        texts = reply.texts
        if texts is None:
            texts = [f"{prompt.split()[-1]}/{body.get('seed', 0) + i}/{i}" for i in range(body.get("n", 1))]
        choices = [
            {
                "index": i,
                "finish_reason": reply.end,
                **({"message": {"role": "assistant", "content": t}} if chat else {"text": t}),
            }
            for i, t in enumerate(texts)
        ]
        usage = {"usage": {"prompt_tokens": 1, "completion_tokens": 7 * len(texts), "total_tokens": 1}} if reply.usage else {}
        # the last one first: a client must go by the index
        return {"id": "1", "object": "x", "created": 1, "model": body["model"], "choices": choices[::-1], **usage, **reply.more}
