"""One way to show that long work is moving: a rich bar with an ETA on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False)

PLAIN_SECONDS = 15.0


@contextmanager
def track(label: str, total: int, *, done: int = 0, unit: str = "") -> Iterator[Callable[[int], None]]:
    """Show progress through ``total`` units of work, ``done`` of them already behind us; yields ``advance(count)``."""
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=total, completed=done)
            yield lambda count: bar.update(task, advance=count)
        return
    yield _plain(label, total, done, unit)


def _plain(label: str, total: int, done: int, unit: str) -> Callable[[int], None]:
    start = last = time.monotonic()
    first = done

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last >= PLAIN_SECONDS and done < total:
            last = now
            eta = (now - start) / max(done - first, 1) * (total - done)
            console.print(f"{label}: {done}/{total} {unit}".rstrip() + f", about {eta:.0f} s left")

    return advance
