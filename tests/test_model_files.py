"""A model directory is checked and known without loading it."""

from pathlib import Path

import pytest

from honesty import model_files
from honesty.types import InputError

WHOLE = ("config.json", "model.safetensors", "tokenizer.json")


def directory(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_text(name)
    return path


def test_the_content_counts_not_the_place(tmp_path: Path) -> None:
    one, two = directory(tmp_path / "one", *WHOLE), directory(tmp_path / "two", *WHOLE)
    assert model_files.local(str(one)) == one
    assert model_files.content(one) == model_files.content(two)
    (two / "model.safetensors").write_text("trained")
    assert model_files.content(one) != model_files.content(two)
    (two / "model.safetensors").write_text("model.safetensors")
    (two / "model.safetensors").rename(two / "other.safetensors")
    assert model_files.content(one) != model_files.content(two)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("model.safetensors", "tokenizer.json"), "no config.json there"),
        (("config.json", "tokenizer.json"), "no weights"),
        (("config.json", "model.safetensors"), "no tokenizer"),
        (("config.json", "model.safetensors", "tokenizer_config.json"), "no tokenizer"),
        (("config.json",), r"no weights .* and no tokenizer"),
    ],
)
def test_an_incomplete_directory_names_what_is_missing(tmp_path: Path, names: tuple[str, ...], missing: str) -> None:
    with pytest.raises(InputError, match=missing):
        model_files.local(str(directory(tmp_path / "m", *names)))


def test_a_hub_id_is_not_a_directory_and_a_wrong_path_is_no_hub_id(tmp_path: Path) -> None:
    assert model_files.local("someone/some-model") is None
    for path in ("/nowhere/at/all", "./nowhere", "nowhere", str(tmp_path / "x")):
        with pytest.raises(InputError, match="no such directory"):
            model_files.local(path)
