"""What Hydra calls. Light to import: Hydra builds its callbacks for `--help` and `--cfg job` too."""

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from honesty.failures import exit_code, show


class CompareSweep(Callback):
    """At the end of a multirun, compares its jobs by what they left on disk, whatever launcher ran them."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Compare, log the comparison, and leave with an exit code that says whether every job succeeded."""
        # imported here: see above
        from honesty.stages.report import compare_and_track

        # Hydra turns what a callback raises into a warning, so failures are shown here; SystemExit passes through
        try:
            code = compare_and_track(config)
        except Exception as error:  # noqa: BLE001  see above
            show(error, trace=False)
            code = exit_code(error)
        if code:
            raise SystemExit(code)
