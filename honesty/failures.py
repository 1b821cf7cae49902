"""How a failure reaches the user: one message, an exit code, and a traceback only when asked for."""

import os
import sys
import traceback
from collections.abc import Callable

from honesty.types import HonestyError, InputError


def message(error: BaseException) -> str:
    """Return what to tell the user about ``error``."""
    if isinstance(error, HonestyError):
        return str(error)
    if _is_configuration(error):
        return str(error).strip()
    return f"{type(error).__name__}: {error} (an error we did not foresee; debug=trace shows where)"


def exit_code(error: BaseException) -> int:
    """Return 2 for what the user gave, 1 for everything else."""
    return 2 if isinstance(error, InputError) or _is_configuration(error) else 1


def _is_configuration(error: BaseException) -> bool:
    module = type(error).__module__.partition(".")[0]
    return module in ("hydra", "omegaconf")


def show(error: BaseException, *, trace: bool) -> None:
    """Print ``error`` to standard error."""
    if trace:
        traceback.print_exception(error)
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"{red}error:{plain} {message(error)}", file=sys.stderr)


def guarded(main: Callable[[], None]) -> None:
    """Run ``main`` and leave the process with the exit code its failure deserves."""
    trace = "debug=trace" in sys.argv
    # Hydra would print its own summary and exit; with this it hands the exception to us
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from what was finished", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output left (| head): not a failure, and nothing to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  the one place where every failure ends
        show(error, trace=trace)
        sys.exit(exit_code(error))
