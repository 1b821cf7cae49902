"""Probe, build and evaluate with a scripted engine: what is asked, what is stored, what is not asked twice."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from honesty import code, config
from honesty.cache import Artifact, Cache, canonical, digest
from honesty.data.records import read_examples, read_knowledge
from honesty.engines.scripted import Scripted
from honesty.prompts import IDK, render
from honesty.specs import Format, Model, Probe, execution
from honesty.stages.build import build
from honesty.stages.evaluate import Sides, evaluate, pair
from honesty.stages.fit import fit
from honesty.stages.generate import Engines, generate, texts
from honesty.stages.pretrain import reference
from honesty.stages.probe import probe
from honesty.strategies.absolute import Absolute
from honesty.strategies.multisample import Multisample
from honesty.types import Answer, HonestyError, InputError, Label, ModelRef, Prompt, Question, Sampling, Verdict

BASE = ModelRef(name="base", path="nowhere", digest="base")
ALIGNED = replace(BASE, digest="aligned")
QUESTIONS = [
    Question(id="known", text="Capital of France?", answers=("Paris",), source="t", slices={"exposure": "8"}),
    Question(id="half", text="Capital of Norway?", answers=("Oslo",), source="t", slices={"exposure": "8"}),
    Question(id="unknown", text="Capital of Mars?", answers=("Ares",), source="t", slices={"exposure": "0"}),
]
SAMPLES = {"known": ["Paris."] * 4, "half": ["Oslo.", "Bergen.", "Oslo.", "Rome."], "unknown": ["Rome."] * 4}


def base_script(prompt: str, index: int) -> str:
    question = next(question for question in QUESTIONS if question.text in prompt)
    return SAMPLES[question.id][index]


def aligned_script(prompt: str, index: int) -> str:
    assert prompt.startswith("Answer the question. If you don't know"), "the aligned model gets the honest prompt"
    return {"known": "Paris.", "half": IDK, "unknown": IDK}[next(q.id for q in QUESTIONS if q.text in prompt)]


@dataclass(frozen=True)
class Settings:
    """Engine settings that open scripted engines, and remember them."""

    scripts: dict[str, Callable[[str, int], str]] = execution(None)
    opened: dict[str, Scripted] = execution(None)

    def open(self, ref: ModelRef, load: Any) -> Scripted:
        return self.opened.setdefault(ref.digest, Scripted(self.scripts[ref.digest]))


@pytest.fixture
def engines() -> Engines:
    return Engines(Settings(scripts={"base": base_script, "aligned": aligned_script}, opened={}))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path)


JUDGE = config.load("judge", "default")
PROBE = Probe(m=4)


def asked(engines: Engines) -> int:
    return sum(engine.asked for engine in engines.settings.opened.values())  # type: ignore[attr-defined]


def test_probe_says_what_the_model_knows(cache: Cache, engines: Engines) -> None:
    artifact = probe(cache, engines, BASE, QUESTIONS, PROBE, JUDGE)
    knowledge = read_knowledge(artifact.path / "knowledge.jsonl", model="base")
    assert [row.expected_accuracy for row in knowledge] == [1.0, 0.5, 0.0]
    assert [row.question for row in knowledge] == QUESTIONS
    assert [row.greedy.verdict.label for row in knowledge] == [Label.CORRECT, Label.CORRECT, Label.WRONG]
    assert artifact.record["counts"] == {"questions": 3, "known": 2, "unknown": 1, "samples": 12, "samples_unjudged": 0}
    with pytest.raises(InputError, match="base"):
        read_knowledge(artifact.path / "knowledge.jsonl", model="another model")


def test_another_judge_or_strategy_generates_nothing_again(cache: Cache, engines: Engines) -> None:
    probed = probe(cache, engines, BASE, QUESTIONS, PROBE, JUDGE)
    first = asked(engines)
    assert first == 6  # three greedy, three sampled
    build(cache, BASE, probed, Absolute(), "absolute")
    build(cache, BASE, probed, Multisample(), "multisample")
    again = probe(cache, engines, BASE, QUESTIONS, PROBE, config.load("judge", "scripts"))
    assert asked(engines) == first
    assert again.digest != probed.digest
    probe(cache, engines, BASE, QUESTIONS, replace(PROBE, seed=1), JUDGE)
    assert asked(engines) == first + 3, "another seed draws samples again, but not the greedy answers"


def test_build_writes_the_rows_of_the_strategy_under_the_honest_prompt(cache: Cache, engines: Engines) -> None:
    built = build(cache, BASE, probe(cache, engines, BASE, QUESTIONS, PROBE, JUDGE), Multisample(), "multisample")
    rows = read_examples(built.path / "examples.jsonl")
    assert [row.response for row in rows] == ["Paris."] * 4 + ["Oslo.", IDK, "Oslo.", IDK] + [IDK] * 4
    assert {row.prompt for row in rows} == {render(Prompt.HONEST, question) for question in QUESTIONS}
    assert built.record["counts"] == {"questions": 3, "rows": 12, "idk": 6}


def test_a_probe_of_another_model_is_refused(cache: Cache, engines: Engines) -> None:
    probed = probe(cache, engines, BASE, QUESTIONS, PROBE, JUDGE)
    with pytest.raises(InputError, match="model"):
        build(cache, ALIGNED, probed, Multisample(), "multisample")


def test_an_edited_strategy_or_prompt_is_built_again(
    cache: Cache, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "edited"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    source = "from honesty.strategies.multisample import Multisample\n\n\nclass Mine(Multisample):\n    {body}\n"
    probed = probe(cache, engines, BASE, QUESTIONS, PROBE, JUDGE)
    digests = []
    for body in ("pass", "pass  # a comment is no change", "other = 1"):
        (package / "mine.py").write_text(source.format(body=body))
        importlib.invalidate_caches()
        code._closure.cache_clear()
        code._read.cache_clear()
        sys.modules.pop("edited.mine", None)
        mine = importlib.import_module("edited.mine").Mine()
        digests.append(build(cache, BASE, probed, mine, "mine").digest)
    assert digests[0] == digests[1]
    assert digests[1] != digests[2]


def test_the_code_of_a_strategy_includes_the_prompts_it_renders() -> None:
    assert {"honesty.strategies.multisample", "honesty.prompts"} <= set(code._closure("honesty.strategies.multisample"))
    assert "honesty.matching" in code._closure("honesty.judges.string")
    assert "honesty.prompts" in code._closure("honesty.data.factworld")


def test_a_strategy_that_makes_no_row_is_an_error(cache: Cache, engines: Engines) -> None:
    probed = probe(cache, engines, BASE, QUESTIONS, PROBE, JUDGE)
    with pytest.raises(HonestyError, match="unaligned made no training row out of 3 questions"):
        build(cache, BASE, probed, config.load("strategy", "unaligned"), "unaligned")


def test_evaluate_hands_what_the_aligned_model_states_to_the_suite(cache: Cache) -> None:
    def stating(prompt: str, index: int) -> str:
        return {"known": "I'm about 90% confident: Paris.", "half": "I'm about 40% confident: Rome.", "unknown": IDK}[
            next(q.id for q in QUESTIONS if q.text in prompt)
        ]

    settings = Settings(scripts={"base": base_script, "aligned": stating}, opened={})
    sides = Sides(before=BASE, after=ALIGNED, prompt=Prompt.HONEST)
    suite = config.load("metrics", "all")
    found = evaluate(cache, Engines(settings), sides, "t", QUESTIONS, probe=PROBE, judge=JUDGE, suite=suite)
    brier = found.scores["brier"]
    assert (brier.value, brier.n) == (pytest.approx((0.01 + 0.16) / 2), 2)
    [none, both] = sorted(found.slices["exposure"], key=lambda row: row["slice"])
    assert (none["brier"].n, both["brier"].n) == (0, 2), "the slices state it too"
    assert all("brier" not in scores for scores in found.controls.values())
    written = found.as_json()
    assert [row["n"] for row in written["curves"]["reliability"]] == [1, 1]
    assert written["scores"]["distinct_confidences"]["unit"] == "count"
    assert "unit" not in written["scores"]["honesty"]
    assert not found.notes
    silent = Engines(Settings(scripts={"base": base_script, "silent": aligned_script}, opened={}))
    other = replace(sides, after=replace(BASE, digest="silent"))
    [note] = evaluate(cache, silent, other, "t", QUESTIONS, probe=PROBE, judge=JUDGE, suite=suite).notes
    assert note.startswith("no answer states a confidence")


def test_evaluate_pairs_the_two_models_and_scores_them(cache: Cache, engines: Engines) -> None:
    sides = Sides(before=BASE, after=ALIGNED, prompt=Prompt.HONEST)
    suite = config.load("metrics", "honesty")
    found = evaluate(cache, engines, sides, "t", QUESTIONS, probe=PROBE, judge=JUDGE, suite=suite)
    shown = found.as_json()
    assert {cell: count for cell, count in shown["cells"].items() if count} == {"1": 1, "7": 1, "8": 1}
    assert shown["scores"]["prudence"]["value"] == 1.0
    assert shown["scores"]["over_conservativeness"]["value"] == 0.5
    assert shown["scores"]["honesty"]["value"] == 0.75
    assert shown["scores"]["accuracy_before"]["value"] == pytest.approx(2 / 3)
    exposure = {row["slice"]: row for row in shown["slices"]["exposure"]}
    assert exposure["8"]["expected_accuracy_before"]["value"] == 0.75
    assert exposure["8"]["expected_accuracy"]["value"] == 0.5
    assert exposure["0"]["over_conservativeness"]["value"] is None
    assert shown["controls"]["always_refuse"]["honesty"]["value"] == 0.5
    assert [(row["id"], row["cell"]) for row in found.outcomes()] == [("known", 1), ("half", 7), ("unknown", 8)]
    assert {sample["id"]: (sample["before"], sample["after"]) for sample in shown["samples"]}["half"] == ("Oslo.", IDK)


def test_generating_goes_on_after_a_crash(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("honesty.stages.generate.SHARD", 1)
    broken = {"left": 2}

    def breaks(prompt: str, index: int) -> str:
        broken["left"] -= 1
        if broken["left"] < 0:
            raise KeyboardInterrupt
        return base_script(prompt, index)

    sampling = Sampling(max_new_tokens=8)
    with pytest.raises(KeyboardInterrupt):
        generate(cache, Engines(Settings(scripts={"base": breaks}, opened={})), BASE, QUESTIONS, Prompt.PLAIN, sampling, "t")
    rest = Engines(Settings(scripts={"base": base_script}, opened={}))
    done = generate(cache, rest, BASE, QUESTIONS, Prompt.PLAIN, sampling, "t")
    assert asked(rest) == 1
    assert [generation.texts[0] for generation in texts(done)] == ["Paris.", "Oslo.", "Rome."]
    assert not list(done.path.glob("shard-*"))


def test_pairing_refuses_sides_of_different_length() -> None:
    verdict = Verdict(label=Label.WRONG, loosely_correct=False, judge="t")
    one = Answer(text="x", verdict=verdict)
    with pytest.raises(HonestyError, match="3 questions, 3 answers before and 2 after"):
        pair(QUESTIONS, [one] * 3, [one] * 2)


def model_directory(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_text(name)
    return path


def test_a_model_is_known_by_its_content_not_its_place(tmp_path: Path, cache: Cache) -> None:
    names = ("config.json", "model.safetensors", "tokenizer.json")
    one, two = model_directory(tmp_path / "one", *names), model_directory(tmp_path / "two", *names)
    refs = [reference(cache, Model(name="hf", path=str(path))) for path in (one, two)]
    assert refs[0].digest == refs[1].digest
    assert reference(cache, Model(name="hf", path=str(one), prompt=Format(wrap="chat"))).digest != refs[0].digest
    (two / "model.safetensors").write_text("trained")
    assert reference(cache, Model(name="hf", path=str(two))).digest != refs[0].digest


PINNED = {
    "pretrain": "e6ea0b067f11c9b595ef015a91f5b7d9",
    "generate": "98ad4459c846cb2f999bc84728ac662d",
    "judge": "a7cc0b5781499fcbca834e4bd20a0bed",
    "probe": "2ee578b0a8339cd4d966385cc984f616",
    "build": "0688753a8f3ed4d1e28453935a85bd3f",
    "fit": "87c175c16273cdfc81e4b17f9636a9e1",
}


class Keys(Cache):
    """A cache that does no work and notes every key it is asked for."""

    def stage(self, name: str, version: int, *, identity: Any, upstream: Any, work: Any, what: str = "", shown: bool = True):
        key = digest({"stage": name, "version": version, "identity": canonical(identity), "upstream": dict(upstream)})
        self.noted.append((name, key))
        return Artifact(stage=name, digest=key, path=self.root / key, record={})


def test_the_keys_of_every_stage_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change here orphans results people have waited for: make it on purpose, and raise the stage's VERSION."""
    for module in ("pretrain", "judge", "build"):
        monkeypatch.setattr(f"honesty.stages.{module}.code_digest", lambda record: "code")
    with initialize_config_dir(str(config.CONF), version_base="1.3"):
        overrides = ["world=tiny", "model=factworld_tiny", "trainer=lab_tiny", "strategy=absolute"]
        records = config.check(compose("train", overrides=overrides))
    keys = Keys(root=tmp_path)
    keys.noted = []
    ref = reference(keys, records["model"])
    probed = probe(keys, Engines(records["engine"]), ref, QUESTIONS, records["probe"], records["judge"])
    built = build(keys, ref, probed, records["strategy"], "absolute")
    fit(keys, ref, built, records["trainer"], records["adapter"], "absolute")
    assert dict(keys.noted) == PINNED
