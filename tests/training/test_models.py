import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import tiny_llama as tiny
import torch
from transformers import BertConfig, BertForMaskedLM

from honesty import specs
from honesty.training import fit, models
from honesty.types import HonestyError, InputError, ModelRef


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tokenizer = tiny.words()
    tiny.llama(len(tokenizer)).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def _ref(path: Path | str) -> ModelRef:
    return ModelRef(name="x", path=str(path), digest="")


def test_loads(directory: Path) -> None:
    model, tokenizer = models.load(_ref(directory), "cpu")
    assert model.dtype is torch.float32 and not model.training
    assert tokenizer.eos_token_id == model.config.eos_token_id
    half, _ = models.load(dataclasses.replace(_ref(directory), dtype="bfloat16"), "cpu")
    assert half.dtype is torch.bfloat16


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        (["config.json"], "no config.json"),
        (["model.safetensors"], "no weights"),
        (["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"], "no tokenizer"),
    ],
)
def test_an_incomplete_directory_says_what_is_missing(directory: Path, remove: list[str], message: str) -> None:
    for name in remove:
        (directory / name).unlink(missing_ok=True)
    with pytest.raises(InputError, match=message) as caught:
        models.load(_ref(directory), "cpu")
    assert str(directory) in str(caught.value)


@pytest.mark.parametrize("path", ["/nowhere/at/all", "./nowhere", "nowhere"])
def test_no_such_directory(path: str) -> None:
    with pytest.raises(InputError, match=f"model.path={path}: no such directory"):
        models.load(_ref(path), "cpu")


def test_a_hub_id_that_is_not_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="hf download no-one/no-model"):
        models.load(_ref("no-one/no-model"), "cpu")


def test_broken_files(directory: Path) -> None:
    weights = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError, match="the weights could not be read"):
        models.load(_ref(directory), "cpu")
    (directory / "config.json").write_text("{not json")
    with pytest.raises(InputError, match=r"no usable config.json"):
        models.load(_ref(directory), "cpu")


def test_why_a_tokenizer_cannot_be_read_is_told_to_the_end(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ValueError("Couldn't instantiate the backend tokenizer from one of: \n(1) a tokenizers file,\n(2) a slow one.")

    monkeypatch.setattr(models.AutoTokenizer, "from_pretrained", fail)
    with pytest.raises(InputError, match=r"could not be read: Couldn't .* one of: \(1\) a tokenizers file, \(2\) a slow one\."):
        models.load(_ref(directory), "cpu")


def test_missing_weights_are_not_made_up(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(InputError, match=r"weights are missing, the first is model\.layers\.2"):
        models.load(_ref(directory), "cpu")


def test_not_a_causal_model(directory: Path) -> None:
    bert = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    (directory / "config.json").unlink()
    BertForMaskedLM(bert).save_pretrained(directory)
    with pytest.raises(InputError, match="BertForMaskedLM is not a causal language model"):
        models.load(_ref(directory), "cpu")


def test_weights_of_another_model_are_refused(directory: Path, tmp_path: Path) -> None:
    result = fit.train(_ref(directory), tiny.examples(8), tiny.trainer(max_steps=1), specs.Full(), tmp_path / "run", "x")
    other = tmp_path / "other"
    shutil.copytree(directory, other)
    tiny.llama(100).save_pretrained(other)
    with pytest.raises(HonestyError, match="trained on another model"):
        models.load(dataclasses.replace(_ref(other), adapter=result.adapter), "cpu")
    with pytest.raises(HonestyError, match="holds no weights of ours"):
        models.load(dataclasses.replace(_ref(directory), adapter=tmp_path), "cpu")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_merged_adapter_gives_the_unmerged_logits(directory: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    result = fit.train(_ref(directory), tiny.examples(), tiny.trainer(), specs.Lora(), tmp_path / "run", "x")
    merged, _ = models.load(dataclasses.replace(_ref(directory), adapter=result.adapter), "cpu")
    base, _ = models.load(_ref(directory), "cpu")
    ids = torch.tensor([[5, 6, 7, 8]])
    before = base(input_ids=ids).logits
    after = PeftModel.from_pretrained(base, result.adapter)(input_ids=ids).logits
    torch.testing.assert_close(merged(input_ids=ids).logits, after, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(before, after, atol=1e-2)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_half_precision_keeps_the_adapter_beside_the_weights(directory: Path, tmp_path: Path) -> None:
    half = dataclasses.replace(_ref(directory), dtype="bfloat16")
    result = fit.train(half, tiny.examples(), tiny.trainer(), specs.Lora(), tmp_path / "run", "x")
    assert result.curves[-1].loss < result.curves[0].loss
    model, _ = models.load(dataclasses.replace(half, adapter=result.adapter), "cpu")
    assert any("lora_" in name for name, _ in model.named_parameters())
    assert torch.isfinite(model(input_ids=torch.tensor([[5, 6]]), logits_to_keep=1).logits).all()
