"""Knowledge from two short strings: "c" correct, "w" wrong, "i" idk, "?" unjudged; texts say where they come from."""

from honesty.types import Answer, Knowledge, Label, Question, Verdict

MARKS = {"c": Label.CORRECT, "w": Label.WRONG, "i": Label.IDK, "?": None}


def answer(mark: str, text: str) -> Answer:
    return Answer(text=text, verdict=Verdict(label=MARKS[mark], loosely_correct=mark == "c", judge="t"))


def knowledge(greedy: str, samples: str, *, id: str = "q1", text: str = "Greedy.", choices: tuple[str, ...] = ()) -> Knowledge:
    """Greedy response ``text``, samples "Sample 0.", "Sample 1.", ..; gold "New York"."""
    return Knowledge(
        question=Question(id=id, text="Who?", answers=("New York", "NYC"), source="t", choices=choices),
        greedy=answer(greedy, text),
        samples=tuple(answer(mark, f"Sample {i}.") for i, mark in enumerate(samples)),
    )


def correct_of(knowns: int, m: int) -> str:
    """Marks of m samples of which the last ``knowns`` are correct."""
    return "w" * (m - knowns) + "c" * knowns
