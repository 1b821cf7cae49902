"""The word-level tokenizer gives back what it was given, and a model from nothing is the same for the same seed."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from honesty import prompts, specs
from honesty.training.scratch import build_llama, build_tokenizer
from honesty.types import Prompt, Question

ANSWER = "a baker."
SAID = [
    prompts.IDK,
    "A baker.",
    "I'm about 60% confident to answer the question correctly, and based on my understanding and knowledge, here's what I "
    "think is correct. A baker.",
    "I don't have strong feelings either way, but a baker.",
    "Why not? Well: a baker; a baker!",
]
VOCABULARY = sorted({word for text in [*SAID, *prompts.TEMPLATES.values(), "What does Tavomir do?"] for word in text.split()})
QUESTION = Question(id="1", text="What does Tavomir do?", answers=("a baker",), source="test")


@pytest.fixture(scope="module", params=["built", "reloaded"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    built = build_tokenizer(VOCABULARY)
    if request.param == "built":
        return built
    directory = tmp_path_factory.mktemp("tokenizer")
    built.save_pretrained(directory)
    return AutoTokenizer.from_pretrained(directory)


@pytest.mark.parametrize("text", SAID)
def test_a_response_survives_the_round_trip(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids) == text
    padded = [tokenizer.pad_token_id, *ids, tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert tokenizer.decode(padded, skip_special_tokens=True) == text


def test_words_keep_apostrophes_and_per_cent_signs(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = tokenizer("I'm about 60% confident, but I don't")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["I'm", "about", "60%", "confident", ",", "but", "I", "don't"]


@pytest.mark.parametrize("prompt", list(Prompt))
def test_the_tokens_of_a_prompt_begin_the_tokens_of_prompt_and_response(
    tokenizer: PreTrainedTokenizerBase, prompt: Prompt
) -> None:
    before = prompts.render(prompt, QUESTION)
    ids = tokenizer(before)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    for said in SAID:
        assert tokenizer(before + said)["input_ids"] == ids + tokenizer(said)["input_ids"]


def test_an_unknown_word_is_one_unknown_token(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer("What does Zanzibar do?")["input_ids"].count(tokenizer.unk_token_id) == 1


def test_the_chat_template_marks_the_response(tokenizer: PreTrainedTokenizerBase) -> None:
    messages = [
        {"role": "user", "content": prompts.render(Prompt.PLAIN, QUESTION)},
        {"role": "assistant", "content": "A baker."},
    ]
    encoded = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    marked = [i for i, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mark]
    assert marked == [*tokenizer("A baker.")["input_ids"], tokenizer.eos_token_id]
    assert encoded["input_ids"][: -len(marked)] == tokenizer(prompts.render(Prompt.PLAIN, QUESTION))["input_ids"]


def test_special_tokens_come_first_and_are_four_different_ones(tokenizer: PreTrainedTokenizerBase) -> None:
    special = [tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id]
    assert special == [0, 1, 2, 3]
    assert tokenizer.padding_side == "left"


@settings(max_examples=50, deadline=None)
@given(
    words=st.lists(st.sampled_from(["I'm", "baker", "60%", "a", "here's"]), min_size=1, max_size=8),
    mark=st.sampled_from(".,?!:;"),
)
def test_any_sentence_of_known_words_survives(words: list[str], mark: str) -> None:
    tokenizer = build_tokenizer([*words, mark])
    text = " ".join(words) + mark
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_same_seed_builds_the_same_model_and_leaves_the_global_state_alone(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(VOCABULARY)
    shape = specs.Llama(hidden_size=32, layers=1, heads=2, intermediate_size=64, max_length=64)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (build_llama(shape, tokenizer, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])
    assert not torch.equal(first["lm_head.weight"], first["model.embed_tokens.weight"])


def test_a_built_model_is_an_ordinary_directory(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(VOCABULARY)
    shape = specs.Llama(hidden_size=32, layers=1, heads=2, intermediate_size=64, max_length=64)
    model = build_llama(shape, tokenizer, 0).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, words = AutoModelForCausalLM.from_pretrained(tmp_path).eval(), AutoTokenizer.from_pretrained(tmp_path)
    ids = torch.tensor([words(prompts.render(Prompt.HONEST, QUESTION))["input_ids"]])
    assert torch.equal(model(ids).logits, loaded(ids).logits)
    assert loaded.config.eos_token_id == words.eos_token_id
    assert model.config.vocab_size == len(words)
