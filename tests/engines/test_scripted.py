import subprocess
import sys

import pytest

from honesty.engines.scripted import Scripted
from honesty.types import Generation, HonestyError, Sampling

THREE = Sampling(n=3, temperature=1.0)


def test_mapping_and_callable() -> None:
    engine = Scripted({"a": ["one", "two words", "3"], "b": "same"})
    assert engine.generate(["a", "b"], THREE) == [
        Generation(texts=("one", "two words", "3"), tokens=4),
        Generation(texts=("same",) * 3, tokens=3),
    ]
    assert engine.asked == 2
    assert Scripted(lambda prompt, sample: f"{prompt}{sample}").generate(["x"], THREE)[0].texts == ("x0", "x1", "x2")


def test_what_the_script_lacks_is_said() -> None:
    engine = Scripted({"a": ["one"]})
    with pytest.raises(HonestyError, match="no text for the prompt 'b'"):
        engine.generate(["b"], Sampling())
    with pytest.raises(HonestyError, match="has 1 texts for the prompt 'a', sample 2"):
        engine.generate(["a"], THREE)


def test_neither_the_script_nor_the_settings_import_torch() -> None:
    code = "import sys, honesty.engines.scripted, honesty.engines.settings, honesty.wrapping; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
