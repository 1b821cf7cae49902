"""A model from nothing: a word-level tokenizer over a corpus' vocabulary and a randomly initialised Llama of any size."""

from collections.abc import Sequence

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from honesty import specs

PAD, UNKNOWN, BOS, EOS = "<pad>", "<unk>", "<s>", "</s>"

# A word with its inner apostrophes, a number with its per cent sign, or one mark of punctuation; whitespace is dropped, so
# the tokens of a prompt ending in "A: " are a prefix of the tokens of prompt + response.
WORD = r"\p{L}+(?:['’]\p{L}+)*|\p{N}+%?|[^\s\p{L}\p{N}]"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] }}{% endif %}"
    "{% endfor %}"
)


def build_tokenizer(vocabulary: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return a word-level tokenizer that knows every word of ``vocabulary`` (punctuation may be attached to the words).

    Encoding drops whitespace; decoding puts one space before every word and none before ``.,?!:;``. Nothing is added at the
    start or the end of a text: who trains adds the end-of-sequence token.
    """
    splitter = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    words = (word for text in vocabulary for word, _ in splitter.pre_tokenize_str(text))
    tokens = dict.fromkeys((PAD, UNKNOWN, BOS, EOS, *words))
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = splitter
    # The WordPiece decoder is used only to put a space between tokens; its cleanup would also rewrite English contractions.
    spaced = decoders.WordPiece(prefix="\u0000", cleanup=False)
    tokenizer.decoder = decoders.Sequence([spaced, decoders.Fuse(), decoders.Replace(Regex(" (?=[.,?!:;])"), "")])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        bos_token=BOS,
        eos_token=EOS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def build_llama(architecture: specs.Llama, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """Return a Llama of the given shape with random float32 weights, the same for the same seed.

    The global random state is left as it was.
    """
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=architecture.hidden_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        intermediate_size=architecture.intermediate_size,
        max_position_embeddings=architecture.max_length,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)
