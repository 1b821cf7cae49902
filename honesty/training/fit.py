"""Training from start to finish: examples in, weights on disk out; killed at any moment, the same call goes on."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from torch import nn
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from honesty import specs
from honesty.training import adapters, models
from honesty.training.callbacks import Bar, Checkpoints, Curves, Metrics, Point, checkpoints
from honesty.training.collate import Costs, Rows, tokenise
from honesty.training.datamodule import Plan, Updates, hold_out, plan
from honesty.training.module import NonFiniteError, Tuning
from honesty.types import Example, HonestyError, InputError, ModelRef
from honesty.wrapping import Wrapping, wrapping

# What one more forward and backward pass costs, in tokens of the same pass (measured on two cores, and the launch
# latency of an accelerator): see collate.group.
_PASS_COST = {"cpu": 128, "cuda": 4096}

_CHATTY = (
    "pytorch_lightning",
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric",
    "lightning_fabric.utilities.rank_zero",
    "lightning.pytorch",
    "lightning.fabric",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """What a training run did.

    Attributes:
        adapter: where the weights are.
        updates: optimizer updates made (fewer than planned after early stopping).
        response_tokens: tokens that were learnt from, over all updates; ``tokens`` includes the prompts.
        seconds: spent training, over all attempts.
        loss: of the last update; ``val_loss``: the last computed, ``None`` without held-out rows.
        rows: how the examples became rows (cut, absent).
    """

    adapter: Path
    updates: int
    response_tokens: int
    tokens: int
    seconds: float
    loss: float
    val_loss: float | None
    curves: tuple[Point, ...]
    rows: Rows


def train(
    base: ModelRef | tuple[PreTrainedModel, PreTrainedTokenizerBase],
    examples: Sequence[Example],
    trainer: specs.Trainer,
    adapter: specs.Lora | specs.Full,
    directory: Path,
    label: str,
    on_metrics: Metrics | None = None,
) -> FitResult:
    """Train ``base`` on ``examples`` and write ``directory/adapter``.

    Goes on from the newest checkpoint in ``directory``, if there is one, and on a CPU ends with the same bits as a run
    that was never interrupted. ``directory`` must belong to these very arguments: the caller names it by their digest.

    Args:
        base: a model on disk (its ``wrap`` is applied to every prompt), or one in memory with its tokenizer (prompts raw;
            then the result is a whole Hugging Face directory).
        examples: prompts and responses; those of weight 0 count as absent.
        trainer: optimizer, schedule, length of the run. Rows are cut to ``max_length`` or the model's window.
            ``share_prefix`` does nothing where it would change the result (see ``_shares``).
        adapter: which weights move.
        directory: survives a crash; holds checkpoints until the run is over.
        label: for the progress bar.
        on_metrics: called as ``on_metrics(update, {"loss", "lr"} or {"val_loss"})``.

    Raises:
        InputError: no usable example, or a model that cannot be loaded.
        HonestyError: the loss or the gradient was not finite; the message says where the last good checkpoint is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    device = models.pick_device(trainer.accelerator)
    model, tokenizer, wrapped = _open(base, adapter, device)
    rows = _rows(examples, model, wrapped, trainer.max_length, label)
    training, held = hold_out(rows.rows, trainer.validation_share, trainer.seed)
    course = plan(len(training), trainer)
    if trainer.gradient_checkpointing:
        adapters.recompute(model)
    tuned = adapters.attach(model, adapter, trainer.seed)
    module = Tuning(tuned, trainer, len(course.windows))
    share = _shares(trainer, tuned, max(len(row.ids) for row in rows.rows))
    data = Updates(
        train=training,
        validation=held,
        windows=course.windows,
        pad=_pad(tokenizer),
        trainer=trainer,
        costs=Costs(forward=_PASS_COST.get(device.type, 4096), share=share),
    )
    curves = Curves(on_metrics)
    _run(module, data, curves, course, trainer, directory, label, bool(held))
    target = directory / "adapter"
    _write(module.model, tokenizer if isinstance(base, tuple) else None, target)
    for path in directory.glob("update-*"):
        path.unlink()
    return _result(curves, rows, target)


def _pad(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id that fills short rows; masked, so any will do."""
    return int(next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0))


def foresee(ref: ModelRef, trainer: specs.Trainer, adapter: specs.Lora | specs.Full) -> None:
    """Say now whether training will fit in memory, and how long it will take: probing comes first, and takes hours.

    Raises:
        InputError: it will not, or ``ref`` cannot carry ``adapter``.
    """
    models.check(adapters.base_of(ref, adapter), models.pick_device(trainer.accelerator), _master(adapter), adapter)


def _master(adapter: specs.Lora | specs.Full) -> torch.dtype | None:
    return torch.float32 if isinstance(adapter, specs.Full) else None


def _shares(trainer: specs.Trainer, model: nn.Module, longest: int) -> bool:
    """Return whether rows share a prefix.

    Not under dropout, which would be drawn once for all of them; nor where layers are computed again on the way back: the
    cache that holds the prefix would be filled a second time; nor where a layer's sliding window is shorter than the longest
    row: padding stands between prefix and row, and would push tokens of the prefix out of the window.
    """
    dropout = any(module.p > 0 for module in model.modules() if isinstance(module, nn.Dropout))
    config: Any = model.config
    windows = [getattr(layer, "sliding_window", None) for layer in DynamicCache(config=config).layers]
    narrow = any(window is not None and window < longest for window in windows)
    return trainer.share_prefix and not (trainer.gradient_checkpointing or dropout or narrow)


def _rows(examples: Sequence[Example], model: PreTrainedModel, wrapping: Wrapping, max_length: int, label: str) -> Rows:
    window = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    rows = tokenise(examples, wrapping, max_length if window is None else min(max_length, window))
    if not rows.rows:
        raise InputError(f"{label}: there is nothing to train on: {len(examples)} examples, {rows.absent} of weight 0")
    return rows


def _result(curves: Curves, rows: Rows, target: Path) -> FitResult:
    validated = [point.val_loss for point in curves.points if point.val_loss is not None]
    return FitResult(
        adapter=target,
        updates=len(curves.points),
        response_tokens=curves.response_tokens,
        tokens=curves.tokens,
        seconds=curves.seconds,
        loss=curves.points[-1].loss,
        val_loss=validated[-1] if validated else None,
        curves=tuple(curves.points),
        rows=replace(rows, rows=()),
    )


def _open(
    base: ModelRef | tuple[PreTrainedModel, PreTrainedTokenizerBase], adapter: specs.Lora | specs.Full, device: torch.device
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Wrapping]:
    if isinstance(base, tuple):
        return *base, wrapping(base[1], "raw", "the model")
    base = adapters.base_of(base, adapter)
    where = "cpu" if device.type == "cpu" else device.type
    model, tokenizer = models.load(base, where, dtype=_master(adapter), adapter=adapter)
    return model, tokenizer, wrapping(tokenizer, base.wrap, base.path, base.options)


def _run(
    module: Tuning,
    data: Updates,
    curves: Curves,
    course: Plan,
    trainer: specs.Trainer,
    directory: Path,
    label: str,
    validation: bool,
) -> None:
    """Fit, with validation after every pass through the rows and after the last update."""
    updates = len(course.windows)
    every = min(course.per_epoch, updates)

    def validates(step: int) -> bool:
        return validation and step % every == 0

    callbacks: list[pl.Callback] = [curves]
    if trainer.patience is not None:
        callbacks.append(EarlyStopping("val_loss", patience=trainer.patience, check_finite=False))
    callbacks += [Bar(label, updates), Checkpoints(directory, trainer.checkpoint_every, validates)]
    found = checkpoints(directory)
    module.train()
    with _silence():
        lightning = _lightning(trainer, callbacks, updates, every if validation else None)
        try:
            lightning.fit(module, datamodule=data, ckpt_path=found[-1] if found else None, weights_only=True)
        except NonFiniteError as error:
            raise _explained(error, trainer, directory) from error
        if validation and curves.points[-1].val_loss is None:
            lightning.validate(module, datamodule=data, verbose=False)
    module.cpu()


def _lightning(trainer: specs.Trainer, callbacks: list[pl.Callback], updates: int, validate_every: int | None) -> pl.Trainer:
    """Return a Lightning trainer that trains and is otherwise silent: no bar, no logger, no files, no advice."""
    return pl.Trainer(
        accelerator=trainer.accelerator,
        devices=1,
        precision=trainer.precision,
        max_steps=updates,
        max_epochs=1,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if validate_every is not None else 0,
        val_check_interval=validate_every,
        check_val_every_n_epoch=None if validate_every is not None else 1,
    )


def _explained(error: NonFiniteError, trainer: specs.Trainer, directory: Path) -> HonestyError:
    good = checkpoints(directory)
    kept = f"the last good checkpoint is {good[-1]}" if good else "no checkpoint had been written yet"
    return HonestyError(
        f"training stopped: {error}; {kept}. Lower trainer.optimizer.lr (now {trainer.optimizer.lr}), set trainer.clip, "
        "or use precision 32-true"
    )


def _write(model: nn.Module, tokenizer: PreTrainedTokenizerBase | None, target: Path) -> None:
    adapters.write(target, lambda scratch: adapters.save(model, tokenizer, scratch))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Lightning's advice (devices found, workers, tips) out of the terminal for the time of a run."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
