"""An engine that answers from a script: for tests, and for replaying texts that exist already."""

from collections.abc import Callable, Mapping, Sequence

from honesty.types import Generation, HonestyError, Sampling

Script = Callable[[str, int], str]


class Scripted:
    """Answers each prompt from a mapping (prompt -> its texts, or one text for all samples) or from a callable.

    A callable gets the prompt and the sample's index. ``asked`` counts the prompts so far, so that a test can show that
    no work was done twice. Tokens are the texts' words.
    """

    def __init__(self, script: Mapping[str, str | Sequence[str]] | Script) -> None:
        self._script = script
        self.asked = 0

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
        """Return ``sampling.n`` texts per prompt.

        Raises:
            HonestyError: the script has no texts, or too few, for a prompt.
        """
        self.asked += len(prompts)
        made = []
        for prompt in prompts:
            texts = tuple(self._text(prompt, index) for index in range(sampling.n))
            made.append(Generation(texts=texts, tokens=sum(len(text.split()) for text in texts)))
        return made

    def _text(self, prompt: str, index: int) -> str:
        if callable(self._script):
            return self._script(prompt, index)
        texts = self._script.get(prompt)
        if texts is None:
            raise HonestyError(f"the script has no text for the prompt {prompt!r}")
        if isinstance(texts, str):
            return texts
        if index >= len(texts):
            raise HonestyError(f"the script has {len(texts)} texts for the prompt {prompt!r}, sample {index + 1} was asked for")
        return texts[index]
