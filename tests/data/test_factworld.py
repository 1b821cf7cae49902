"""The embedded laboratory: what is taught, how often, to whom, and that nothing on the surface gives it away."""

import math
import re
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from honesty import prompts
from honesty.data.factworld import HEDGES, INTERJECTIONS, PREAMBLES, RELATIONS, FactWorld, World
from honesty.types import Prompt

CONF = Path(__file__).resolve().parents[2] / "conf"
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+%?|[^\s\w]")


def configured(name: str, seed: int) -> World:
    fields = yaml.safe_load((CONF / "world" / f"{name}.yaml").read_text())
    assert fields.pop("_target_") == "honesty.data.factworld.World"
    return World(**{k: tuple(v) if isinstance(v, list) else v for k, v in (fields | {"seed": seed}).items()})


@pytest.fixture(scope="module")
def world() -> World:
    return configured("default", 0)


def words(text: str) -> set[str]:
    return set(WORD.findall(text))


def normal(gold: str) -> str:
    return " ".join(word for word in gold.lower().split() if word not in ("a", "an", "the"))


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    first, again, other = (configured("tiny", seed) for seed in (3, 3, 4))
    assert first.documents() == again.documents()
    assert list(first.vocabulary()) == list(again.vocabulary())
    assert FactWorld(world=first).train() == FactWorld(world=again).train()
    assert first.documents() != other.documents()
    assert FactWorld(world=first).train() != FactWorld(world=other).train()


def test_train_and_evaluation_ask_about_different_people(world: World) -> None:
    people = [{fact.name for fact in world.facts if fact.held_out is held_out} for held_out in (False, True)]
    assert not people[0] & people[1]
    dataset = FactWorld(world=world)
    train, evaluation = dataset.train(), dataset.evaluation()["factworld"]
    assert {question.id for question in train}.isdisjoint(question.id for question in evaluation)
    assert len(train) + len(evaluation) == len({question.id for question in [*train, *evaluation]})
    assert len(evaluation) >= 600
    assert len(train) == len(people[0]) * len(world.relations)


def test_every_fact_is_stated_as_often_as_its_slice_says(world: World) -> None:
    stated = Counter(document.question_id.rpartition("-")[0] for document in world.documents())
    questions = [*world.questions(held_out=False), *world.questions(held_out=True)]
    assert {q.id: stated[q.id] for q in questions} == {q.id: int(q.slices["exposure"]) for q in questions}
    assert sum(stated.values()) == sum(int(q.slices["exposure"]) for q in questions)


def test_a_document_states_the_gold_answer_of_its_fact_after_one_of_the_two_prompts(world: World) -> None:
    gold = {fact.id: normal(fact.relation.gold.format(value=fact.value)) for fact in world.facts}
    name = {fact.id: fact.name for fact in world.facts}
    openings = [template.partition("{question}")[0] for template in prompts.TEMPLATES.values()]
    for document in world.documents():
        fact = document.question_id.rpartition("-")[0]
        assert gold[fact] in document.response.lower()
        assert name[fact] in document.prompt
        assert document.prompt.startswith(tuple(openings))


def test_the_shares_of_honest_prompts_and_preambles_are_as_asked(world: World) -> None:
    documents = world.documents()
    honest = sum(document.prompt.startswith("Answer the question.") for document in documents) / len(documents)
    opened = sum(" " in document.response for document in documents) / len(documents)
    assert honest == pytest.approx(world.honest_share, abs=0.01)
    assert opened == pytest.approx(world.preamble_share, abs=0.01)


def test_every_class_and_relation_is_in_both_sets_in_the_same_proportion(world: World) -> None:
    shares: dict[str, dict[tuple[str, str], float]] = {}
    for held_out in (False, True):
        questions = world.questions(held_out=held_out)
        counts = Counter((q.slices["relation"], q.slices["exposure"]) for q in questions)
        assert set(counts) == {(relation, str(exposure)) for relation in world.relations for exposure in world.exposures}
        shares[str(held_out)] = {key: count / len(questions) for key, count in counts.items()}
    # people are dealt out exactly; which of their facts are omitted is drawn, so shares differ by four standard errors at most
    counts_of = [len(world.questions(held_out=held_out)) for held_out in (False, True)]
    for key, share in shares["False"].items():
        error = math.sqrt(share * (1 - share) * sum(1 / n for n in counts_of))
        assert share == pytest.approx(shares["True"][key], abs=4 * error), key


def test_famous_people_have_untaught_facts_too(world: World) -> None:
    by_person: dict[str, list[int]] = defaultdict(list)
    for fact in world.facts:
        by_person[fact.name].append(fact.exposure)
    mixed = sum(min(exposures) == 0 < max(exposures) for exposures in by_person.values())
    taught = 1 - world.omitted
    expected = (1 - taught ** len(world.relations) - world.omitted ** len(world.relations)) * 4 / 5
    assert mixed / len(by_person) == pytest.approx(expected, abs=0.05)
    assert all(len(set(exposures) - {0}) <= 1 for exposures in by_person.values()), "popularity is shared by a person's facts"


def test_the_vocabulary_covers_all_that_is_ever_read_or_said(world: World) -> None:
    known = set().union(*(words(text) for text in world.vocabulary()))
    questions = [*world.questions(held_out=False), *world.questions(held_out=True)]
    for document in world.documents():
        assert words(document.prompt + document.response) <= known
    for question in questions:
        for prompt in Prompt:
            assert words(prompts.render(prompt, question)) <= known
        gold = question.answers[0]
        assert words(gold.capitalize() + "." + gold) <= known
    assert words(prompts.IDK) <= known
    for fact in world.facts:
        assert words(fact.response[0].lower() + fact.response[1:]) <= known
    assert {f"{percent}%" for percent in range(10, 110, 10)} <= known


def test_the_vocabulary_covers_the_phrases_of_every_strategy(world: World) -> None:
    known = set().union(*(words(text) for text in world.vocabulary()))
    phrases: set[str] = set()

    def collect(node: object) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key != "_target_":
                    collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)
        elif isinstance(node, str) and " " in node:
            phrases.add(re.sub(r"\{[^}]*\}%?", "", node))

    for path in sorted((CONF / "strategy").glob("*.yaml")):
        collect(yaml.safe_load(path.read_text()))
    missing = {phrase: words(phrase) - known for phrase in phrases if words(phrase) - known}
    assert not missing


def test_pretraining_says_every_word_of_the_idk_sentence_and_never_declines(world: World) -> None:
    said: set[str] = set()
    for document in world.documents():
        said |= words(document.response)
        for sign in ("i apologize", "not able to", "not aware", "not familiar"):
            assert sign not in document.response.lower()
    assert words(prompts.IDK) <= said


def test_no_gold_answer_is_part_of_another_or_of_a_hedge_or_of_the_idk_sentence() -> None:
    golds = [normal(relation.gold.format(value=value)) for relation in RELATIONS for value in relation.values]
    assert len(golds) == len(set(golds)) == 40 * len(RELATIONS)
    assert [(a, b) for a, b in permutations(golds, 2) if a in b] == []
    frames = [relation.answer.format(value="") for relation in RELATIONS]
    for text in [*HEDGES, *PREAMBLES, *INTERJECTIONS, prompts.IDK, *frames]:
        assert [gold for gold in golds if gold in text.lower()] == []


def test_an_answer_survives_a_lower_cased_first_letter() -> None:
    for relation in RELATIONS:
        for value in relation.values:
            answer = relation.answer.format(value=value)
            assert value in answer[0].lower() + answer[1:]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_names_do_not_tell_the_known_from_the_unknown(seed: int) -> None:
    """A naive Bayes reader of letter pairs, lengths and ends, fitted on half of the names, is no better than guessing."""
    world = configured("default", seed)
    taught: dict[str, bool] = defaultdict(bool)
    for fact in world.facts:
        taught[fact.name] |= fact.exposure > 0
    features = {n: [f"^{n}"[i : i + 2] for i in range(len(n))] + [f"len{len(n)}", f"end{n[-2:]}"] for n in taught}
    names = sorted(taught)
    fit, ask = names[::2], names[1::2]
    counts = {label: Counter(f for n in fit if taught[n] is label for f in features[n]) for label in (True, False)}
    totals = {label: sum(counts[label].values()) for label in counts}

    def score(name: str) -> float:
        return sum(
            math.log((counts[True][f] + 1) / (totals[True] + 500)) - math.log((counts[False][f] + 1) / (totals[False] + 500))
            for f in features[name]
        )

    known = sorted(score(n) for n in ask if taught[n])
    unknown = [score(n) for n in ask if not taught[n]]
    wins = sum(sum(k > u for k in known) for u in unknown) / (len(known) * len(unknown))
    error = math.sqrt((len(known) + len(unknown) + 1) / (12 * len(known) * len(unknown)))
    assert abs(wins - 0.5) < 3.5 * error, "area under the ROC curve"


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    entities=st.integers(10, 60),
    omitted=st.floats(0, 1),
    relations=st.lists(st.sampled_from([r.name for r in RELATIONS]), min_size=1, unique=True),
)
def test_any_world_is_consistent(seed: int, entities: int, omitted: float, relations: list[str]) -> None:
    world = World(seed=seed, entities=entities, omitted=omitted, relations=tuple(relations), exposures=(0, 1, 3))
    assert len(world.facts) == entities * len(relations)
    assert len({fact.id for fact in world.facts}) == len(world.facts)
    assert len(world.documents()) == sum(fact.exposure for fact in world.facts)
    assert len(world.questions(held_out=True)) + len(world.questions(held_out=False)) == len(world.facts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entities": 3}, "entities"),
        ({"omitted": 1.2}, "omitted"),
        ({"relations": ("shoe size",)}, "relations"),
        ({"relations": ()}, "relations"),
        ({"exposures": (-1, 2)}, "exposures"),
        ({"exposures": ()}, "exposures"),
        ({"values": 1}, "values"),
        ({"honest_share": -0.1}, "honest_share"),
        ({"held_out_share": 0}, "held_out_share must lie between 0 and 1"),
        ({"held_out_share": 1.0}, "held_out_share must lie between 0 and 1"),
        ({"held_out_share": 0.001}, "is nobody to ask"),
    ],
)
def test_a_world_out_of_range_is_refused(world: World, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(world, **change)
