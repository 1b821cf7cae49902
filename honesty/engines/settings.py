"""Which engine writes the texts, and how it runs: the records of conf/engine, without torch.

Which engine it is belongs to a text's identity; of its settings only those that change a text do (what a server calls the
model, what it is told beside the sampling). Where and how fast it runs are execution fields.
"""

import importlib.util
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from honesty.interfaces import Engine
from honesty.specs import Full, Lora, execution, require
from honesty.types import InputError, ModelRef

_INSTEAD = (
    "take engine=hf (or an adapter this one can run); or stop after training (stages=[pretrain,probe,build,fit]), write the "
    "whole model with `honesty export RUN_DIR OUT_DIR --what merged`, and generate with that one: strategy=prompt_based "
    "model=hf model.path=OUT_DIR"
)
_NOT_SERVED = f"engine=openai: a server cannot be given the weights that training makes; {_INSTEAD}, with a server on OUT_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hf:
    """The in-process engine on a Hugging Face model (``honesty.engines.hf.HfEngine``).

    ``batch_tokens`` bounds what is decoded side by side: rows x (prompt + new tokens). ``device`` is a name of torch's, with
    its number where there are several, or ``auto`` (an accelerator if there is one).
    """

    batch_tokens: int = execution(32768)
    device: str = execution("auto")

    def __post_init__(self) -> None:
        require(self.batch_tokens > 0, f"batch_tokens must be above 0, not {self.batch_tokens}")
        require(
            re.fullmatch(r"auto|gpu|(cpu|cuda|mps|xpu)(:\d+)?", self.device) is not None,
            f"device is auto, cpu, gpu, cuda, mps, xpu or one of several as in cuda:1, not {self.device!r}",
        )

    def open(self, ref: ModelRef, load: Callable[[ModelRef, str], Any]) -> Engine:
        """Load the model of ``ref`` and return an engine on it."""
        # imported here: a run whose texts are all cached must not pay for torch
        from honesty.engines.hf import HfEngine

        model, tokenizer = load(ref, self.device)
        return HfEngine(model, tokenizer, ref.wrap, batch_tokens=self.batch_tokens, options=ref.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """Any server with OpenAI's protocol (``honesty.engines.openai.OpenAIEngine``): vllm, sglang, transformers serve, an API.

    ``model`` is the name it is served under (None: the model's path, what servers call it unless told otherwise). ``endpoint``
    is ``/v1/chat/completions`` or ``/v1/completions`` (auto: by ``model.prompt.wrap``; chat where only the server knows the
    model). ``body`` is added to every request, what ``omit`` names is left out of it; ``limit`` is the field for the number of
    tokens. ``key`` names the environment variable the key is read from: it stands in no file. ``startup`` is how long a server
    that has not answered at all is waited for; ``node`` is where this record stands in the configuration (it is told).
    """

    model: str | None = None
    endpoint: Literal["auto", "chat", "completions"] = "auto"
    body: Mapping[str, Any] = field(default_factory=dict)
    omit: tuple[str, ...] = ()
    limit: Literal["max_tokens", "max_completion_tokens"] = execution("max_tokens")
    base_url: str = execution("http://localhost:8000/v1")
    key: str = execution("OPENAI_API_KEY")
    concurrency: int = execution(16)
    timeout: float = execution(120.0)
    retries: int = execution(6)
    backoff: float = execution(0.5)
    startup: float = execution(8.0)
    node: str = execution("engine")

    def __post_init__(self) -> None:
        require(re.match(r"https?://\S+$", self.base_url) is not None, f"base_url is http(s)://..., not {self.base_url!r}")
        require(
            re.fullmatch(r"[A-Za-z_]\w*", self.key) is not None,
            "key is the name of an environment variable, as in OPENAI_API_KEY; never the key itself",
        )
        require(self.concurrency >= 1, f"concurrency must be at least 1, not {self.concurrency}")
        require(0 < self.timeout < math.inf, f"timeout (seconds) must be above 0 and finite, not {self.timeout}")
        require(self.retries >= 0, f"retries must be 0 or more, not {self.retries}")
        for name, seconds in (("backoff", self.backoff), ("startup", self.startup)):
            require(0 <= seconds < math.inf, f"{name} (seconds) must be 0 or more and finite, not {seconds}")
        # found out here: the server may be asked after hours of training
        require(
            importlib.util.find_spec("openai") is not None,
            "engine=openai needs the openai package, which is not installed: pip install 'honesty[openai]'",
        )

    def accept(self, adapter: Lora | Full) -> None:
        """Raise ``InputError``: a server runs the models it has."""
        raise InputError(_NOT_SERVED)

    def open(self, ref: ModelRef, load: Callable[[ModelRef, str], Any]) -> Engine:
        """Return an engine on the server; nothing is asked of it yet.

        Raises:
            InputError: weights the server cannot have, a template it does not know, or no name for the model.
        """
        if ref.adapter is not None:
            raise InputError(_NOT_SERVED)
        if ref.template is not None and ref.wrap == "chat":
            raise InputError(
                "model.prompt.template: a server applies its own template; start it with this one (vllm serve --chat-template "
                "FILE) or put it into the served model's tokenizer, and leave model.prompt.template out"
            )
        if ref.path and self.endpoint not in ("auto", "chat" if ref.wrap == "chat" else "completions"):
            raise InputError(
                f"{self.node}.endpoint={self.endpoint} and model.prompt.wrap={ref.wrap} disagree; set {self.node}.endpoint=auto"
            )
        name = self.model if self.model is not None else ref.path
        if not name:
            raise InputError(f"{self.node}.model: missing: the name the server serves the model under")
        # imported here: a run whose texts are all cached needs neither the SDK nor a tokenizer
        from honesty.engines.openai import OpenAIEngine
        from honesty.engines.reading import reading

        return OpenAIEngine(
            base_url=self.base_url,
            model=name,
            chat=(ref.wrap == "chat" or not ref.path) if self.endpoint == "auto" else self.endpoint == "chat",
            options=ref.options,
            body=self.body,
            omit=self.omit,
            limit=self.limit,
            key=self.key,
            concurrency=self.concurrency,
            timeout=self.timeout,
            retries=self.retries,
            backoff=self.backoff,
            startup=self.startup,
            node=self.node,
            reading=reading(ref)[0] if ref.path else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vllm:
    """vLLM in process (``honesty.engines.vllm.VllmEngine``). Never run here: see that module.

    ``data_parallel`` copies of the model, each on ``tensor_parallel`` GPUs. ``memory`` is the share of each GPU that vLLM takes
    for weights and keys. A LoRA adapter of up to ``max_lora_rank`` (0: none) is served beside the model, not merged into it.
    ``prefix_caching`` keeps what prompts have in common. ``max_model_len`` bounds prompt + new tokens (None: what fits
    the model's window).
    """

    tensor_parallel: int = execution(1)
    data_parallel: int = execution(1)
    memory: float = execution(0.9)
    max_lora_rank: Literal[0, 1, 8, 16, 32, 64, 128, 256, 320, 512] = execution(16)
    prefix_caching: bool = execution(True)
    max_model_len: int | None = execution(None)
    eager: bool = execution(False)

    def __post_init__(self) -> None:
        require(self.tensor_parallel >= 1, f"tensor_parallel must be at least 1, not {self.tensor_parallel}")
        require(self.data_parallel >= 1, f"data_parallel must be at least 1, not {self.data_parallel}")
        require(0 < self.memory <= 1, f"memory is a share of the GPU's, 0 < memory <= 1, not {self.memory}")
        require(
            self.max_model_len is None or self.max_model_len > 1, f"max_model_len must be above 1, not {self.max_model_len}"
        )

    def accept(self, adapter: Lora | Full) -> None:
        """Raise ``InputError`` for what vLLM cannot lay over a model: whole weights, DoRA, one on 4 bits, too high a rank."""
        if isinstance(adapter, Full):
            raise InputError(
                f"engine=vllm and adapter=full: vLLM serves adapters, not whole weights beside a model's own; {_INSTEAD}"
            )
        if adapter.dora:
            raise InputError(f"engine=vllm and adapter.dora=true: vLLM does not know DoRA; {_INSTEAD}")
        if adapter.quantisation != "none":
            raise InputError(
                f"engine=vllm and adapter.quantisation={adapter.quantisation}: not a base vLLM loads here; {_INSTEAD}"
            )
        if adapter.r > self.max_lora_rank:
            raise InputError(
                f"engine.max_lora_rank={self.max_lora_rank} is below adapter.r={adapter.r}; set it to that at least"
            )

    def open(self, ref: ModelRef, load: Callable[[ModelRef, str], Any]) -> Engine:
        """Load the model of ``ref`` into vLLM (once for it and its adapters) and return an engine on it.

        Raises:
            InputError: vLLM is not installed, or what training made is nothing it can lay over the model.
        """
        if importlib.util.find_spec("vllm") is None:
            raise InputError(
                "engine=vllm needs vllm, which is not installed; it pins its own torch and transformers, so give it an "
                "environment of its own: pip install 'honesty[vllm]' (without -c constraints.txt). Or start a server there "
                "(vllm serve DIR) and use engine=openai here"
            )
        # imported here: a run whose texts are all cached must not pay for vllm
        from honesty import model_files
        from honesty.engines import vllm
        from honesty.engines.reading import reading

        adapter = vllm.adapter(ref)
        reads, tokenizer = reading(ref, self.max_model_len)
        how: dict[str, Any] = {
            "tensor_parallel_size": self.tensor_parallel,
            "gpu_memory_utilization": self.memory,
            "enable_prefix_caching": self.prefix_caching,
            "enforce_eager": self.eager,
        }
        if self.max_model_len is not None:
            how["max_model_len"] = self.max_model_len
        if self.max_lora_rank > 0:
            how |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": self.max_lora_rank}
        served = vllm.serve(vllm.options(ref, model_files.local(ref.path), **how), self.data_parallel)
        return vllm.VllmEngine(served, reads, tokenizer, adapter)
