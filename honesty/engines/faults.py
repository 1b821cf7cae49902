"""What the failure of one request to a server means: whether another try may succeed and when, and what to tell the user."""

import os
from collections.abc import Iterator

from openai import APIConnectionError, APIStatusError, APITimeoutError

from honesty.visible import visible

AGAIN = {408, 409, 425, 429}  # and everything from 500 on: another try may succeed
NOWHERE = {404, 405}  # of a server that never gave a text: an address or a model that is none
LONGEST_WAIT = 60.0  # seconds between two tries, unless the server asks for more
LONGEST_ASKED = 300.0  # a server that asks for more (a day's quota is used up) is left for another run


class FaultyError(Exception):
    """A reply that is not what was asked for."""


def passing(error: APIStatusError) -> bool:
    """Say whether the same request may succeed later in this run."""
    return error.code != "insufficient_quota" and (error.status_code in AGAIN or error.status_code >= 500)


def connecting(error: Exception) -> bool:
    """Say whether there was no connection at all, or none that lasted; not a server that takes its time."""
    slow = isinstance(error, APITimeoutError) and not any(type(each).__name__ == "ConnectTimeout" for each in _causes(error))
    return isinstance(error, APIConnectionError) and not slow


def wait(error: Exception, seconds: float) -> float:
    """Return how long to wait: what the server asks for, else ``seconds``, within reason."""
    asked = error.response.headers.get("retry-after") if isinstance(error, APIStatusError) else None
    try:
        return max(float(asked), 0.0) if asked is not None else min(seconds, LONGEST_WAIT)
    except ValueError:  # a date: rare, and the clocks may differ
        return min(seconds, LONGEST_WAIT)


def said(error: Exception, key: str) -> str:
    """Return the first line of an error, without what stands in the environment variable ``key``."""
    # the SDK says "Connection error."; the system said why
    system = [each for each in _causes(error) if isinstance(each, OSError) and each.errno is not None]
    wrapped = isinstance(error, APIConnectionError) and error.__cause__ is not None
    line = _system(system[-1]) if system else _line(error.__cause__ if wrapped else error)
    secret = os.environ.get(key)
    return visible(line.replace(secret, "***") if secret else line)[:300]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and, one behind the other, what caused it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ if found.__cause__ is not None else found.__context__


def _system(error: OSError) -> str:
    """Return the words of the system alone, where asyncio adds the address, which the message names as well."""
    said = error.strerror if error.strerror is not None else _line(error)
    return os.strerror(error.errno) if error.errno is not None and said.startswith("Connect call failed") else said


def _line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
