"""Run one experiment, or with ``-m`` a sweep: ``python train.py strategy=multisample``."""

import hydra
from omegaconf import DictConfig

from honesty import config
from honesty.failures import guarded


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> None:
    """Check the whole configuration, then run it."""
    # imported here: --help, --cfg job and shell completion need none of it
    from honesty import pipeline

    pipeline.run(cfg, config.check)


if __name__ == "__main__":
    guarded(main)
