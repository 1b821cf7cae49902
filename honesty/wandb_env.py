"""What surrounds a W&B run: the API key, whether the server answers, and the `WANDB_*` variables. Imports no wandb."""

import http.client
import netrc
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REACH_SECONDS = 4.0
INIT_SECONDS = 10.0
FINISH_SECONDS = 60.0

# W&B moved its public server; keys saved under the old name still hold.
UPSTREAM = {"https://api.forge.coreweave.com": ("api.wandb.ai",)}


def quiet() -> dict[str, Any]:
    """Return the settings that keep W&B quick and silent, less those the user set by WANDB_* variables."""
    wanted: dict[str, Any] = {
        "silent": True,
        "console": "off",
        "disable_git": True,
        "save_code": False,
        "init_timeout": INIT_SECONDS,
        "finish_timeout": FINISH_SECONDS,
        "login_timeout": 1,
        "x_disable_stats": True,
        "x_disable_machine_info": True,
        "x_save_requirements": False,
    }
    variables = {name: f"WANDB_{name.upper()}".replace("WANDB_X_", "WANDB__") for name in wanted}
    return {name: value for name, value in wanted.items() if variables[name] not in os.environ}


@contextmanager
def data_under(directory: Path) -> Iterator[None]:
    """Let W&B stage table files under the job instead of the home directory, unless WANDB_DATA_DIR says where."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(directory.resolve() / "wandb")
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]


def api_key(given: str | None, base_url: str) -> str | None:
    """Return the API key of the environment or of netrc; None when there is none."""
    if given:
        return given
    paths = [Path(os.environ["NETRC"])] if "NETRC" in os.environ else [Path.home() / ".netrc", Path.home() / "_netrc"]
    for path in paths:
        try:
            known = netrc.netrc(path.expanduser())
        except (OSError, netrc.NetrcParseError):
            continue
        for host in (urlsplit(base_url).netloc, *UPSTREAM.get(base_url, ())):
            found = known.authenticators(host)
            if found is not None and found[2]:
                return found[2]
    return None


@cache
def reachable(base_url: str) -> bool:
    """Say whether the server answers at all within seconds; asked once a process, so that a sweep waits once."""
    answered: list[bool] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(base_url, timeout=REACH_SECONDS).close()
        except urllib.error.HTTPError:
            pass  # an answer, if not a friendly one
        except urllib.error.URLError as error:
            # a certificate we do not know may be one W&B was told to trust
            if not isinstance(error.reason, ssl.SSLError):
                return
        except (OSError, ValueError, http.client.HTTPException):
            return
        answered.append(True)

    # A thread, because looking up a name has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS + 1)
    return bool(answered)
