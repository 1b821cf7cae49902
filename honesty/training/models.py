"""Loading causal language models from Hugging Face directories, with clear errors, and our weights on top of them."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from honesty import model_files, specs
from honesty.types import HonestyError, InputError, ModelRef

FULL = "trainable.safetensors"
PEFT = "adapter_config.json"

_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def load(
    ref: ModelRef, device: str = "auto", *, dtype: torch.dtype | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model and its tokenizer, ready to generate (evaluation mode, ``ref.adapter`` on top).

    A LoRA adapter is merged into float32 weights (two matrix products fewer per layer, the same text); into a half
    precision it would be rounded away, so there it stays beside them.

    Args:
        ref: a directory, or the id of a model that is already in the local Hugging Face cache.
        device: ``auto`` (an accelerator if there is one), ``cpu``, ``cuda``...
        dtype: overrides ``ref.dtype`` (full fine-tuning keeps float32 master weights).

    Raises:
        InputError: no such directory, no config, weights or tokenizer in it, or not a causal language model.
    """
    _quiet()
    model_files.local(ref.path)
    dtype = dtype if dtype is not None else getattr(torch, ref.dtype)
    model = _weights(ref, _config(ref), dtype)
    tokenizer = _tokenizer(ref)
    if ref.adapter is not None:
        model = _adapt(model, ref.adapter, merge=dtype == torch.float32)
    nn.Module.to(model, pick_device(device))
    return model.eval(), tokenizer  # type: ignore[no-untyped-call]


def pick_device(device: str) -> torch.device:
    """Return the device ``auto`` stands for here, or the one named."""
    if device != "auto":
        return torch.device("cuda" if device == "gpu" else device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def attach(model: PreTrainedModel, adapter: specs.Lora | specs.Full, seed: int) -> nn.Module:
    """Return ``model`` with exactly the weights trainable that ``adapter`` says; LoRA's start depends on ``seed`` only.

    Raises:
        InputError: a LoRA target that no layer matches.
    """
    if isinstance(adapter, specs.Full):
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        return model
    from peft import LoraConfig, get_peft_model

    targets = adapter.target_modules
    config = LoraConfig(
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers 5 by a name it retires
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise InputError(f"adapter.target_modules={targets!r}: {error}") from error


def save(model: nn.Module, tokenizer: PreTrainedTokenizerBase | None, directory: Path) -> None:
    """Write what training made into ``directory``.

    With a tokenizer: a whole Hugging Face directory. Else a PEFT adapter, or the trainable weights (``FULL``).
    """
    _quiet()
    directory.mkdir(parents=True)
    if tokenizer is not None:
        model.save_pretrained(directory)  # type: ignore[operator]
        tokenizer.save_pretrained(directory)
    elif hasattr(model, "peft_config"):
        model.save_pretrained(directory)  # type: ignore[operator]
        (directory / "README.md").unlink(missing_ok=True)  # peft's template of a model card, empty of facts
    else:
        trainable = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters() if p.requires_grad}
        save_file(trainable, directory / FULL, metadata={"format": "pt"})


def _adapt(model: PreTrainedModel, adapter: Path, *, merge: bool) -> PreTrainedModel:
    if (adapter / FULL).is_file():
        _overlay(model, adapter / FULL)
        return model
    if not (adapter / PEFT).is_file():
        raise HonestyError(f"{adapter}: neither {FULL} nor {PEFT} is in it, so it holds no weights of ours; delete it")
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        adapted: Any = PeftModel.from_pretrained(model, adapter)
        return adapted.merge_and_unload() if merge else adapted  # type: ignore[no-any-return]


def _overlay(model: PreTrainedModel, path: Path) -> None:
    weights = load_file(path)
    parameters = dict(model.named_parameters())
    unknown = sorted(set(weights) - set(parameters))
    wrong = [n for n in weights if n in parameters and weights[n].shape != parameters[n].shape]
    if unknown or wrong:
        raise HonestyError(f"{path}: trained on another model; its weight {(unknown + wrong)[0]} does not fit this one")
    with torch.no_grad():
        for name, weight in weights.items():
            parameters[name].copy_(weight)


def _source(ref: ModelRef) -> dict[str, Any]:
    path = str(Path(ref.path).expanduser()) if Path(ref.path).expanduser().is_dir() else ref.path
    return {"pretrained_model_name_or_path": path, "revision": ref.revision or "main", "local_files_only": True}


def _config(ref: ModelRef) -> Any:
    try:
        config = AutoConfig.from_pretrained(**_source(ref))
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        hint = "" if Path(ref.path).expanduser().is_dir() else f"; not a directory; a hub model needs `hf download {ref.path}`"
        raise InputError(f"model.path={ref.path}: no usable config.json: {_first_line(error)}{hint}") from error
    architectures = getattr(config, "architectures", None) or []
    causal = type(config) in AutoModelForCausalLM._model_mapping and not getattr(config, "is_encoder_decoder", False)
    if not causal or (architectures and not any(name.endswith(_CAUSAL) for name in architectures)):
        what = ", ".join(architectures) if architectures else type(config).__name__
        raise InputError(f"model.path={ref.path}: {what} is not a causal language model")
    return config


def _weights(ref: ModelRef, config: Any, dtype: torch.dtype) -> PreTrainedModel:
    options = {"config": config, "dtype": dtype, "attn_implementation": ref.attention, "output_loading_info": True}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(**_source(ref), **options)
    except (OSError, ValueError, RuntimeError, SafetensorError, EOFError, ImportError) as error:
        raise InputError(f"model.path={ref.path}: the weights could not be read: {_first_line(error)}") from error
    model: PreTrainedModel = loaded[0]
    missing = sorted(loaded[1]["missing_keys"])
    if missing:
        raise InputError(f"model.path={ref.path}: {len(missing)} weights are missing, the first is {missing[0]}")
    return model


def _tokenizer(ref: ModelRef) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(**_source(ref))
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise InputError(f"model.path={ref.path}: the tokenizer could not be read: {' '.join(str(error).split())}") from error
    return tokenizer


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _quiet() -> None:
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
