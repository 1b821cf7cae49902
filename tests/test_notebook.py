"""The notebook runs on a finished sweep, draws it, and defines nothing."""

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "report"))

from sweep_builder import write_job, write_sweep

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "compare.ipynb"


def sources() -> list[str]:
    nbformat = pytest.importorskip("nbformat")
    return [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]


def test_it_defines_nothing_and_is_stored_without_output() -> None:
    nbformat = pytest.importorskip("nbformat")
    for source in sources():
        nodes = list(ast.walk(ast.parse(source)))
        assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)]
    assert all(not cell.get("outputs") for cell in nbformat.read(NOTEBOOK, as_version=4).cells)


def test_it_draws_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    write_sweep(tmp_path, seeds=(0, 1))
    write_job(tmp_path / "90", job="knows nothing", known=0.0, sets=("factworld", "nonambigqa"))
    write_job(tmp_path / "91", job="failed", error="x")
    monkeypatch.setenv("HONESTY_SWEEP", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    done = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2 + 7  # two planes, and seven strategies by exposure
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "16 jobs, 1 failed" in printed
    assert "honesty n/a" in printed
