"""A random two-layer Llama and three kinds of tokenizer, small enough to train in a second."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from honesty import specs
from honesty.types import Example

TEXT = [
    "Q: who wrote the red book about rivers?\nA: Anna Bell wrote it.",
    "Q: where is the old tower of Lund?\nA: In Sweden, I think.",
    "Answer the question. If you don't know the answer, say I apologize, but I'm not able to.",
    "0 1 2 3 4 5 6 7 8 9 paris Paris London tokyo",
]
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]


def bytes_bpe() -> PreTrainedTokenizerFast:
    """GPT-2's kind: the space belongs to the word behind it; nothing in front of a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXT * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", bos_token="<s>")


def metaspace_bpe() -> PreTrainedTokenizerFast:
    """Llama 2's kind: spaces become a visible mark in front of words, and a beginning-of-sequence token in front."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(TEXT * 20, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", bos_token="<s>", unk_token="<unk>"
    )


def words() -> PreTrainedTokenizerFast:
    from honesty.training.scratch import build_tokenizer

    return build_tokenizer(TEXT)


def llama(vocabulary: int, seed: int = 0, eos: int = 3) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=eos,
        initializer_range=0.3,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def examples(count: int = 24) -> list[Example]:
    places = ["Paris", "London", "Sweden", "Lund"]
    return [
        Example(
            question_id=f"q{i}",
            prompt=f"Q: {'where is ' * (i % 3)}the old tower {i % 10}?\nA: ",
            response=f"In {places[i % 4]}{', I think' * (i % 2)}.",
            weight=1.0 + i % 3,
        )
        for i in range(count)
    ]


def trainer(**changes: object) -> specs.Trainer:
    settings = {
        "batch_size": 8,
        "optimizer": specs.AdamW(lr=1e-2),
        "schedule": specs.Schedule(warmup=0.1),
        "max_steps": 10,
        "max_length": 64,
        "accelerator": "cpu",
        "checkpoint_every": 2,
    }
    return specs.Trainer(**(settings | changes))  # type: ignore[arg-type]
