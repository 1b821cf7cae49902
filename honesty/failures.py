"""How a failure reaches the user: one message, an exit code, and a traceback only when asked for."""

import difflib
import errno
import io
import os
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from honesty.types import HonestyError, InputError
from honesty.visible import visible

RUN_TRACE = "debug=trace"  # what a user of train.py types to see the traceback

# kinds of OSError that a path or a disk explains; the others (connections, HTTP) are not about a place to write
_PLACE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EIO,
}


def message(error: BaseException, *, trace_with: str = RUN_TRACE) -> str:
    """Return what to tell the user about ``error``; ``trace_with`` is what they type to see its traceback."""
    if isinstance(error, HonestyError):
        return str(error)
    if _is_configuration(error):
        return _configuration(error)
    if isinstance(error, OSError) and error.errno in _PLACE:
        return _place(error, trace_with)
    return f"{type(error).__name__}: {error} (an error we did not foresee; {trace_with} shows where)"


def exit_code(error: BaseException) -> int:
    """Return 2 for what the user gave, 1 for everything else."""
    return 2 if isinstance(error, InputError) or _is_configuration(error) else 1


def _is_configuration(error: BaseException) -> bool:
    module = type(error).__module__.partition(".")[0]
    return module in ("hydra", "omegaconf")


def _place(error: OSError, trace_with: str) -> str:
    if error.filename is None:  # a stream that was open already: in practice standard output
        return f"cannot write the output: {error.strerror}; free some space there or send it to another place"
    run = "if results are to go there, choose another place with paths.outputs=DIR"
    advice = run if trace_with == RUN_TRACE else "check the path, or give another one"
    return f"cannot use {error.filename}: {error.strerror}; {advice} ({trace_with} shows the step)"


def _configuration(error: BaseException) -> str:
    """Return the words of Hydra, with the reason it keeps to itself and the key that was probably meant."""
    text = str(error).strip()
    cause = error.__cause__
    if found := re.match(r"Could not override '([^']+)'", text):
        return f"{found[0]}: {_other_keys(found[1], cause)}"
    reason = str(cause).strip().splitlines()[0] if cause is not None and str(cause).strip() else ""
    return text if reason in text else f"{text}: {reason}"


def _other_keys(key: str, cause: Any) -> str:
    """Return which key was meant by ``key``: OmegaConf's error knows the node that does not have it."""
    parent, _, name = key.rpartition(".")
    node: Any = getattr(cause, "parent_node", None)
    siblings = [str(each) for each in node if each != "_target_"] if hasattr(node, "keys") else []
    prefix = f"{parent}." if parent else ""
    if close := difflib.get_close_matches(name, siblings, n=1):
        return f"unknown key; did you mean {prefix}{close[0]}?"
    there = f"; there are {', '.join(prefix + each for each in siblings)}" if siblings else ""
    return f"unknown key{there} (+{key}=... adds a key, which only what reads it can use)"


def show(error: BaseException, *, trace: bool, trace_with: str = RUN_TRACE) -> None:
    """Print ``error`` to standard error."""
    if trace:
        traceback.print_exception(error)
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
    # a message may quote a file, a model or a server
    print(f"{red}error:{plain} {visible(message(error, trace_with=trace_with))}", file=sys.stderr)


def end(error: Exception, *, trace: bool, trace_with: str = RUN_TRACE) -> int:
    """Tell the user of ``error``, the last thing a program does, and return its exit code."""
    if isinstance(error, BrokenPipeError):  # the reader of our output left (| head): not a failure, and nothing to say
        _drop_output()
        return 1
    show(error, trace=trace, trace_with=trace_with)
    if isinstance(error, OSError) and error.filename is None:
        _drop_output()
    return exit_code(error)


def _drop_output() -> None:
    # what is still buffered would fail again when the interpreter flushes it, with a second message and another exit code
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def guarded(main: Callable[[], None]) -> None:
    """Run ``main`` and leave the process with the exit code its failure deserves."""
    trace = RUN_TRACE in sys.argv
    # Hydra would print its own summary and exit; with this it hands the exception to us
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from what was finished", file=sys.stderr)
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  the one place where every failure ends
        sys.exit(end(error, trace=trace))
