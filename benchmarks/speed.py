"""Speed and memory as a user meets them, each in a process of its own: `make bench`.

Cold times start from an empty outputs directory. Peak memory is the largest resident set of the process (ru_maxrss).
"""

import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HONESTY = Path(sys.executable).with_name("honesty")


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Return wall-clock seconds and peak resident GiB of one command, which must succeed."""
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.chdir(ROOT)
        os.execv(command[0], list(command))
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def train(outputs: Path, *overrides: str) -> list[str]:
    return [sys.executable, "train.py", *overrides, f"paths.outputs={outputs}"]


def response_files(directory: Path, rows: int) -> tuple[Path, Path]:
    rng = random.Random(0)
    words = [f"word{number}" for number in range(5000)]
    paths = (directory / "before.jsonl", directory / "after.jsonl")
    for path in paths:
        with path.open("w") as handle:
            for number in range(rows):
                gold = words[number % 5000]
                text = " ".join(rng.choices(words, k=12)) + (f" {gold}" if rng.random() < 0.5 else "")
                if path is paths[1] and rng.random() < 0.3:
                    text = "I apologize, but I'm not able to provide an answer to the question."
                row = {"id": str(number), "question": f"What is {number}?", "answers": [gold, f"the {gold}"], "response": text}
                handle.write(json.dumps(row) + "\n")
    return paths


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rows: list[tuple[str, float, float, str]] = []

    def measure(name: str, target: str, command: Sequence[str]) -> None:
        seconds, memory = timed(command)
        rows.append((name, seconds, memory, target))
        print(f"  {name:<46} {seconds:7.1f} s {memory:6.2f} GiB   target {target}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        outputs = Path(temporary) / "outputs"
        measure("make demo, cold (strategy=multisample)", "<= 180 s", train(outputs, "strategy=multisample"))
        measure("another strategy, base cached (absolute)", "<= 60 s", train(outputs, "strategy=absolute"))
        measure("the same again, fully cached", "<= 5 s", train(outputs, "strategy=absolute"))
        sweep = train(Path(temporary) / "sweep", "-m", "strategy=glob(*)")
        measure("all seven strategies by -m, cold", "<= 360 s", sweep)
        measure("all seven again, fully cached", "", sweep)
        measure("python train.py --help", "<= 1.5 s", [sys.executable, "train.py", "--help"])
        measure("python train.py --cfg job", "<= 1.5 s", [sys.executable, "train.py", "--cfg", "job"])
        files = [str(path) for path in response_files(Path(temporary), 100_000)]
        measure("honesty score, 2 x 100,000 rows", "<= 5 s", [str(HONESTY), "score", *files, "--json"])
    peak = max(memory for _, _, memory, _ in rows)
    print(f"  peak memory of all of these: {peak:.2f} GiB   target <= 2 GiB")


if __name__ == "__main__":
    main()
