"""From yaml to records: the root schema, and `check`, which reports every fault of a configuration before any work.

Group name = node name = folder under ``conf/``. A node with ``_target_`` becomes the record that target builds; targets are
light (no torch), so checking a run costs milliseconds and a wrong value is met before a model is loaded.
"""

import dataclasses
import difflib
import importlib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml
from beartype import BeartypeConf
from beartype.door import is_bearable
from beartype.roar import BeartypeDoorException
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from honesty.failures import message
from honesty.interfaces import AnyJudge, AnySuite, Dataset, EngineSettings, Strategy
from honesty.specs import Full, Lora, Model, Probe, Trainer
from honesty.types import InputError

PACKAGE = Path(__file__).resolve().parent
CONF = PACKAGE.parent / "conf" if (PACKAGE.parent / "conf" / "train.yaml").is_file() else PACKAGE / "conf"

STAGES = ("pretrain", "probe", "build", "fit", "evaluate", "report")
GROUPS = (
    "model",
    "strategy",
    "dataset",
    "metrics",
    "world",
    "probe",
    "adapter",
    "judge",
    "engine",
    "trainer",
    "logger",
    "debug",
)

# 1 for a float is what people type; True for an int is not
_TYPES = BeartypeConf(is_pep484_tower=True)


@dataclass
class Paths:
    """Where a run writes. ``cache`` may be shared by any number of runs."""

    outputs: str = "outputs"
    cache: str = "${paths.outputs}/cache"


@dataclass
class Root:
    """The root of every configuration; a key that is not here fails when Hydra composes."""

    model: Any = MISSING
    strategy: Any = MISSING
    dataset: Any = MISSING
    metrics: Any = MISSING
    world: Any = MISSING
    probe: Any = MISSING
    adapter: Any = MISSING
    judge: Any = MISSING
    engine: Any = MISSING
    trainer: Any = MISSING
    logger: Any = MISSING
    debug: Any = MISSING
    seed: int = 0
    limit: int | None = None
    paper: str | None = None
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    paths: Paths = field(default_factory=Paths)
    trusted: list[str] = field(default_factory=lambda: ["honesty."])


ConfigStore.instance().store(name="schema", node=Root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debug:
    """``trace`` shows the traceback of a failure."""

    trace: bool = False


SEAMS: Mapping[str, Any] = {
    "model": Model,
    "strategy": Strategy,
    "dataset": Dataset,
    "metrics": AnySuite,
    "probe": Probe,
    "adapter": Lora | Full,
    "judge": AnyJudge,
    "engine": EngineSettings,
    "trainer": Trainer,
    "debug": Debug,
}
"""What the record under each root key must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with a configuration."""

    key: str
    target: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.key, self.target, self.reason) if part)


class Invalid:
    """Stands for a value that could not be built; its fault has been noted."""


def check(cfg: DictConfig) -> dict[str, Any]:
    """Build every node of ``cfg`` and return the records by key.

    Raises:
        InputError: with one line ``key: target: reason`` for every fault in the whole configuration.
    """
    faults: list[Fault] = []
    trusted = _trusted(cfg)
    built = {str(key): _build(cfg, key, str(key), trusted, faults) for key in cfg if key != "hydra"}
    faults += _root_faults(built)
    faults += _seam_faults(built)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise InputError(f"the configuration has {count}:\n" + "\n".join(f"  {fault}" for fault in faults))
    return built


def _trusted(cfg: DictConfig) -> tuple[str, ...]:
    found = OmegaConf.to_container(cfg, resolve=False).get("trusted", [])  # type: ignore[union-attr]
    if not isinstance(found, list) or not all(isinstance(prefix, str) and prefix for prefix in found):
        raise InputError(f"trusted: must be a list of prefixes, as in trusted=[honesty.,mypackage.], not {found!r}")
    return tuple(found)


def check_node(cfg: DictConfig, key: str) -> Any:
    """Build one root node of ``cfg``, as `check` does for all.

    Raises:
        InputError: with one line for every fault in it.
    """
    return check(OmegaConf.create({"trusted": cfg.trusted, key: cfg[key]}))[key]


def _seam_faults(built: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(key=key, target="", reason=f"must be {_readable(seam)}, not {value!r}")
        for key, seam in SEAMS.items()
        if key in built and not isinstance(value := built[key], Invalid) and not _fits(value, seam)
    ]


def _root_faults(built: Mapping[str, Any]) -> list[Fault]:
    known = [each.name for each in dataclasses.fields(Root)]
    faults = [Fault(key=key, target="", reason=_unknown(key, known)) for key in built if key not in known]
    for name in built.get("stages", []):
        if name not in STAGES:
            faults.append(Fault(key="stages", target="", reason=f"no stage is called {name!r}; there are {', '.join(STAGES)}"))
    stages = list(built.get("stages", STAGES))
    if not stages:
        faults.append(Fault(key="stages", target="", reason="empty: name at least one stage"))
    elif set(stages) <= set(STAGES) and stages != list(STAGES[STAGES.index(stages[0]) :][: len(stages)]):
        order = f"in the order {', '.join(STAGES)}, none left out in between"
        faults.append(Fault(key="stages", target="", reason=f"name the stages {order}; or the last one alone"))
    limit = built.get("limit")
    if isinstance(limit, int) and limit < 1:
        faults.append(Fault(key="limit", target="", reason=f"must be at least 1 (or null for no limit), not {limit}"))
    return faults


def _build(parent: DictConfig | ListConfig, key: Any, where: str, trusted: Sequence[str], faults: list[Fault]) -> Any:
    try:
        node = parent[key]
    except OmegaConfBaseException as error:
        faults.append(Fault(key=where, target="", reason=_missing(parent, key) or str(error).splitlines()[0]))
        return Invalid()
    if isinstance(node, ListConfig):
        items = [_build(node, index, f"{where}.{index}", trusted, faults) for index in range(len(node))]
        return Invalid() if any(isinstance(item, Invalid) for item in items) else items
    if not isinstance(node, DictConfig):
        return node
    if OmegaConf.is_interpolation(parent, key):
        faults = []  # it is another node, whose faults are reported under its own key
    raw_target = OmegaConf.to_container(node, resolve=False).get("_target_")  # type: ignore[union-attr]
    names_here = [str(name) for name in node if name != "_target_"]
    kwargs = {name: _build(node, name, f"{where}.{name}", trusted, faults) for name in names_here}
    if raw_target is None:
        return Invalid() if any(isinstance(value, Invalid) for value in kwargs.values()) else kwargs
    return _call(str(raw_target), kwargs, where, trusted, faults)


def _missing(parent: DictConfig | ListConfig, key: Any) -> str | None:
    if isinstance(parent, DictConfig) and OmegaConf.is_missing(parent, key):
        return f"missing: give it a value on the command line ({parent._get_full_key(key)}=...)"
    return None


def _call(target: str, kwargs: dict[str, Any], where: str, trusted: Sequence[str], faults: list[Fault]) -> Any:
    def fault(reason: str, key: str = where) -> Invalid:
        faults.append(Fault(key=key, target=target, reason=reason))
        return Invalid()

    try:
        build = _resolve(target, trusted)
    except InputError as error:
        return fault(str(error))
    signature = inspect.signature(build)
    hints = get_type_hints(build.__init__ if inspect.isclass(build) else build)
    if "node" in signature.parameters:  # a record whose messages name its keys is told where it stands
        kwargs.setdefault("node", where)
    before = len(faults)
    for name in kwargs:
        if name not in signature.parameters:
            fault(_unknown(name, signature.parameters), f"{where}.{name}")
    for name, parameter in signature.parameters.items():
        if name not in kwargs and parameter.default is parameter.empty:
            fault("missing", f"{where}.{name}")
    for name, value in kwargs.items():
        if name in hints and not isinstance(value, Invalid):
            kwargs[name] = value = _tuples(value)
            if not _fits(value, hints[name]):
                fault(f"must be {_readable(hints[name])}, not {value!r}", f"{where}.{name}")
    if len(faults) > before or any(isinstance(value, Invalid) for value in kwargs.values()):
        return Invalid()
    try:
        return build(**kwargs)
    except (ValueError, TypeError, InputError) as error:  # the types fit by now: a TypeError too is about a value
        return fault(str(error))


def _resolve(target: str, trusted: Sequence[str]) -> Any:
    if "${" in target:
        raise InputError("_target_ is never interpolated: write the name out")
    if not target.startswith(tuple(trusted)):
        raise InputError(
            f"not a trusted target (trusted: {', '.join(trusted)}); to run your own package add its prefix, "
            "trusted=[honesty.,mypackage.]"
        )
    module_name, _, name = target.rpartition(".")
    if any(part.startswith("_") for part in target.split(".")):
        raise InputError("a target must be a public name")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except ModuleNotFoundError as error:
        raise InputError(f"cannot be imported: {error}") from error
    except AttributeError:
        raise InputError(f"the module {module_name} has no {name}") from None
    # a trusted module's own imports (Path, subprocess) are not what was trusted
    own = (inspect.isclass(found) or inspect.isfunction(found)) and f"{found.__module__}.{name}".startswith(tuple(trusted))
    if not own or inspect.isabstract(found) or getattr(found, "_is_protocol", False):
        raise InputError(f"is not something that can be built: name a class or function that {module_name} defines")
    return found


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}"
    return f"unknown key; {hint}"


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    """Return whether ``value`` is what ``hint`` asks for, as people mean it: True is no number, a text is no list."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(_fits_member(value, member) for member in members)


def _fits_member(value: Any, hint: Any) -> bool:
    if isinstance(value, bool) and hint in (int, float):
        return False
    origin, inside = get_origin(hint), get_args(hint)
    if isinstance(value, str) and Sequence in (hint, origin):
        return False
    try:
        if not is_bearable(value, hint, conf=_TYPES):
            return False
    except BeartypeDoorException:  # a protocol that is not runtime-checkable: its own construction has checked it
        return True
    if not isinstance(value, tuple) or origin not in (tuple, Sequence):
        return True
    # item by item: beartype looks at one of them only
    kinds = inside if origin is tuple and Ellipsis not in inside else (inside[0],) * len(value)
    return all(_fits(item, kind) for item, kind in zip(value, kinds, strict=True))


def _readable(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else re.sub(r"\b(typing|collections\.abc|honesty\.specs)\.", "", str(hint))


def names(group: str) -> list[str]:
    """Return the choices of one group: the file names of ``conf/<group>``."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def load(group: str, name: str, overrides: Sequence[str] = ()) -> Any:
    """Build one choice of one group without composing a whole run (for the `honesty` command).

    ``overrides`` are ``group.key=value`` strings; the yaml may use ``${seed}``.

    Raises:
        InputError: an unknown choice, a malformed override, or any fault `check` finds.
    """
    path = CONF / group / f"{name}.yaml"
    if not path.is_file():
        raise InputError(f"no {group} is called {name!r}; there are {', '.join(names(group))}")
    node: Any = OmegaConf.load(path)
    # what else a run would choose with it is left out, but for the parts the yaml is made of (conf/judge/engine)
    inside = [key for each in node.pop("defaults", ()) if isinstance(each, Mapping) for key in each]
    if any((CONF / group / str(key)).is_dir() for key in inside):
        return check(_composed(group, name, overrides))[group]
    root = OmegaConf.create({"seed": 0, "trusted": ["honesty."], group: node})
    try:
        root.merge_with_dotlist(list(overrides))  # reaches into lists, as a run does: metrics.metrics.0.bins=20
    except (yaml.YAMLError, OmegaConfBaseException, TypeError) as error:  # a word for the place in a list is a TypeError
        what = "a value is not yaml: " if isinstance(error, yaml.YAMLError) else ""
        raise InputError(f"{' '.join(overrides)}: {what}{str(error).splitlines()[0]}") from error
    if unknown := [str(key) for key in root if key not in ("seed", "trusted", group)]:
        raise InputError(f"{unknown[0]}: unknown key; overrides here begin with {group}. or seed=")
    return check(root)[group]


def _composed(group: str, name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose one choice that is made of parts; ``group/part=choice`` among the overrides picks another part."""
    # imported here: one yaml is read without Hydra
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return compose(overrides=[f"+{group}={name}", "+seed=0", "+trusted=[honesty.]", *overrides])
        except HydraException as error:
            raise InputError(message(error)) from error
