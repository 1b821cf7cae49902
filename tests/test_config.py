"""Every yaml composes, checks and builds; every kind of fault is reported with its key, all of them at once."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from honesty import config
from honesty.types import InputError

OPTIONS = [(group, name) for group in config.GROUPS for name in config.names(group)]
EXTRA = {
    ("model", "hf"): ["model.path=somewhere"],
    ("judge", "llm"): ["judge.model.path=somewhere"],
    ("judge", "cascade"): ["judge.model.path=somewhere"],
    ("judge", "paper"): ["judge.model.path=somewhere"],
    ("metrics", "helpfulness"): ["metrics.judge.model.path=somewhere"],
    ("metrics", "harmlessness"): ["metrics.judge.model.path=somewhere"],
    ("probe", "released"): ["probe.path={files}/a.jsonl"],
    ("dataset", "jsonl"): ["dataset.train={files}/a.jsonl", "dataset.eval={files}/b.jsonl"],
}


def composed(*overrides: str):
    with initialize_config_dir(str(config.CONF), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def faults(*overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        config.check(composed(*overrides))
    return str(caught.value)


def test_the_default_builds() -> None:
    records = config.check(composed())
    assert records["strategy"].trains
    assert records["seed"] == 0


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_yaml_of_every_group_composes_checks_and_builds(group: str, name: str, tmp_path: Path) -> None:
    for number, stem in enumerate("ab"):
        (tmp_path / f"{stem}.jsonl").write_text(f'{{"id": "{number}", "question": "q{number}", "answers": ["a"]}}\n')
    extra = [text.format(files=tmp_path) for text in EXTRA.get((group, name), [])]
    records = config.check(composed(f"{group}={name}", *extra))
    assert records[group] is not None


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_yaml_says_what_it_is_and_how_to_run_it(group: str, name: str) -> None:
    head = [line for line in (config.CONF / group / f"{name}.yaml").read_text().splitlines()[:6] if line.startswith("#")]
    assert head, "the first line is a comment that says what this is"
    assert "python train.py" in "\n".join(head) or group == "debug", "and the command that uses it"


@pytest.mark.parametrize("group", config.GROUPS)
def test_group_node_and_folder_have_one_name(group: str) -> None:
    assert (config.CONF / group).is_dir()
    assert group in composed()


def test_seed_reaches_everything_random() -> None:
    records = config.check(composed("seed=3"))
    assert records["probe"].seed == records["trainer"].seed == records["world"].seed == 3
    assert records["model"].pretraining.trainer.seed == 3


def test_a_real_model_brings_its_own_trainer_unless_one_is_chosen() -> None:
    lab = config.check(composed("model=hf", "model.path=x", "trainer=lab"))["trainer"]
    assert config.check(composed("trainer=lab"))["trainer"] == lab
    assert config.check(composed("model=hf", "model.path=x"))["trainer"] != lab


def test_all_faults_are_reported_at_once() -> None:
    text = faults("probe.m=0", "trainer.batch_size=abc", "+trainer.seeed=1", "strategy=absolute", "strategy.threshold=1.2")
    assert "4 faults" in text
    assert "probe: honesty.specs.Probe: m is the number of samples per question, at least 1, not 0" in text
    assert "trainer.batch_size: honesty.specs.Trainer: must be int, not 'abc'" in text
    assert "trainer.seeed: honesty.specs.Trainer: unknown key; did you mean seed?" in text
    assert "1.2" in text
    assert "threshold" in text


def test_a_node_that_others_interpolate_is_reported_once() -> None:
    text = faults("world.omitted=2")
    assert "1 fault:" in text
    assert "world: honesty.data.factworld.World: omitted must lie in 0..1, not 2" in text


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("trainer._target_=os.system", "not a trusted target"),
        ("trainer._target_=honesty.cache._git", "must be a public name"),
        ("trainer._target_=honesty.nothing.Here", "cannot be imported"),
        ("trainer._target_=honesty.specs.Nothing", "has no Nothing"),
        ("trainer.optimizer._target_='${seed}.x'", "never interpolated"),
        ("trainer._target_=honesty.specs.Full", "unknown key"),
        ("judge._target_=honesty.judges.string.IDK_SIGNS", "is not something that can be built"),
        ("judge._target_=honesty.cache.platform", "is not something that can be built"),
        ("judge._target_=honesty.types.Path", "is not something that can be built"),
        ("strategy={_target_:honesty.interfaces.Strategy}", "is not something that can be built"),
        ("adapter=full adapter._target_=honesty.specs.AdamW +adapter.lr=1", "adapter: must be"),
        ("probe.temperature=true", "must be float"),
        ("trainer.max_steps=true", "trainer.max_steps: honesty.specs.Trainer: must be int | None, not True"),
        ("trainer.clip=true", "must be float | None, not True"),
        ("strategy=confidence_num strategy.bins=[0,true,1]", "strategy.bins"),
        ("strategy=confidence_num strategy.phrases=ab", "must be Sequence[str], not 'ab'"),
        ("strategy=confidence_num strategy.phrases=[a,2,c,d,e,f,g,h,i,j,k]", "strategy.phrases"),
        ("+judge.idk_signs=sorry", "judge.idk_signs: honesty.judges.string.StringJudge: must be"),
        ("trainer.optimizer.lr=inf", "lr must be above 0 and finite, not inf"),
        ("trainer.optimizer.lr=nan", "lr must be above 0 and finite, not nan"),
        ("trainer.optimizer.weight_decay=inf", "weight_decay must be 0 or more and finite"),
        ("trainer.optimizer.betas=[2,3]", "betas must lie in 0..1 (below 1), not [2, 3]"),
        ("model.pretraining.trainer.optimizer.lr=inf", "model.pretraining.trainer.optimizer: honesty.specs.Muon: lr"),
        ("trainer.clip=inf", "clip must be above 0 and finite"),
        ("probe.temperature=inf", "temperature must be above 0 (to sample) and finite"),
        ("model.pretraining.architecture.heads=3", "hidden_size 128 must be a multiple of 2 x heads (6)"),
        ("model.pretraining.architecture.heads=128", "must be a multiple of 2 x heads (256)"),
        ("model.pretraining.architecture.layers=0", "layers must be above 0, not 0"),
        ("seed=1099511627776", "trainer: honesty.specs.Trainer: seed must lie in 0..4294967295, not 1099511627776"),
        ("probe.seed=-1", "probe: honesty.specs.Probe: seed must lie in 0..4294967295"),
        ("engine.device=foo", "engine: honesty.engines.settings.Hf: device is auto, cpu, gpu, cuda"),
        ("trainer.accelerator=foo", "trainer.accelerator: honesty.specs.Trainer: must be Literal['auto', 'cpu'"),
        ("trainer.devices=2", "devices must be 1: one device per run is supported, not 2"),
        ("trainer.workers=-1", "workers must be 0 or more"),
        ("trainer.max_length=1", "max_length must be at least 2"),
        ("model.attention=foo", "model.attention: honesty.specs.Model: must be Literal['sdpa', 'eager'"),
        ("world.held_out_share=0", "held_out_share must lie between 0 and 1"),
        ("probe.m=2.5", "must be int"),
        ("probe.m=null", "must be int"),
        ("+probe.samples=3", "unknown key"),
        ("+trainer.optimizer.learning_rate=3", "trainer.optimizer.learning_rate"),
        ("+world.foo.bar=3", "world.foo"),
        ("limit=0", "limit: must be at least 1"),
        ("stages=[prob]", "no stage is called 'prob'"),
        ("stages=[]", "name at least one stage"),
        ("+trainer.max_epochs=3", "exactly one of max_steps and max_epochs"),
        ("+trainer.micro_batch_size=5", "must divide batch_size"),
        ("trainer.seed='${nowhere}'", "trainer.seed"),
    ],
)
def test_each_fault_names_its_key_and_reason(override: str, reason: str) -> None:
    assert reason in faults(*override.split(" "))


@pytest.mark.parametrize("device", ["auto", "cpu", "gpu", "cuda", "cuda:1", "mps", "xpu:0"])
def test_a_device_is_a_name_of_torchs_with_or_without_a_number(device: str) -> None:
    assert config.check(composed(f"engine.device='{device}'"))["engine"].device == device


def test_values_that_do_fit_are_let_through() -> None:
    records = config.check(
        composed("strategy=confidence_num", "trainer.clip=1", "trainer.max_steps=3", "adapter.target_modules=x")
    )
    assert isinstance(records["strategy"].phrases, tuple)
    assert records["adapter"].target_modules == "x"
    assert config.check(composed("adapter.target_modules=[q,v]"))["adapter"].target_modules == ("q", "v")


def test_a_missing_value_says_what_to_type() -> None:
    assert "model.path=..." in faults("model=hf")


def test_a_typo_at_the_root_fails_when_composing() -> None:
    with pytest.raises(ConfigCompositionException):
        composed("sede=1")
    assert "sede: unknown key; did you mean seed?" in faults("+sede=1")


def test_users_can_trust_their_own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mylab.py").write_text(
        "from honesty.strategies.multisample import Multisample\n\n\nclass Mine(Multisample):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    override = "strategy={_target_:mylab.Mine}"
    assert "not a trusted target" in faults(override)
    records = config.check(composed(override, "trusted=[honesty.,mylab.]"))
    assert type(records["strategy"]).__name__ == "Mine"


def test_load_builds_one_choice_with_overrides() -> None:
    assert (
        config.load("metrics", "abstention", ["metrics.metrics.11.threshold=0.6", "metrics.before=[]"]).metrics[11].threshold
        == 0.6
    )
    strategy = config.load("strategy", "absolute", ["strategy.threshold=0.3"])
    assert strategy.threshold == 0.3


@pytest.mark.parametrize(
    ("name", "overrides", "reason"),
    [
        ("absolut", [], "no strategy is called 'absolut'; there are absolute"),
        ("absolute", ["strategy.treshold=0.3"], "did you mean threshold?"),
        ("absolute", ["strategy.threshold=2"], "threshold"),
        ("absolute", ["probe.m=2"], "overrides here begin with strategy."),
        ("absolute", ["trusted.x.y=1"], "trusted.x.y=1: "),
    ],
)
def test_load_reports_what_is_wrong(name: str, overrides: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        config.load("strategy", name, overrides)


def test_root_schema_and_train_yaml_agree() -> None:
    keys = set(OmegaConf.structured(config.Root))
    assert set(composed()) <= keys
