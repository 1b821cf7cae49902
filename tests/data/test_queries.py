"""Files of prompts: the three formats, ids, and what is wrong with a file."""

import json
from pathlib import Path

import pytest

from honesty.data.queries import read_queries
from honesty.types import InputError

ROWS = [
    {"prompt": "Write, please", "category": "a", "category_id": 0},
    {"prompt": 'Say "hi"', "category": "b", "category_id": 1},
]


def test_jsonl_json_and_csv_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    (tmp_path / "a.csv").write_text('prompt,category,category_id\n"Write, please",a,0\n"Say ""hi""",b,1\n')
    found = [read_queries(tmp_path / f"a.{ending}") for ending in ("jsonl", "json", "csv")]
    assert found[0] == found[1] == found[2]
    assert [(one.id, one.text, one.answers, one.source) for one in found[0]] == [
        ("1", "Write, please", (), "a"),
        ("2", 'Say "hi"', (), "a"),
    ]
    assert [one.slices for one in found[0]] == [{"category": "a"}, {"category": "b"}]


def test_what_a_row_says_of_its_kind_is_a_slice_and_need_not_be_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"scenario": "poem", "category": 3}, {"scenario": ""}, {"category": None}, {"topic": "x"}]
    path.write_text("".join(json.dumps({"prompt": "a", **row}) + "\n" for row in rows))
    assert [one.slices for one in read_queries(path)] == [{"category": "3", "scenario": "poem"}, {}, {}, {}]


def test_ids_are_kept_where_there_are_any(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 7, "prompt": "a"}\n{"question_id": "x", "prompt": "a"}\n')
    assert [one.id for one in read_queries(path)] == ["7", "x"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", '{"question": "x"}\n', r'a.jsonl:1: the field "prompt" is missing'),
        ("a.jsonl", '{"prompt": " "}\n', r'a.jsonl:1: "prompt" is empty'),
        ("a.jsonl", '{"id": "1", "prompt": "x"}\n{"id": "1", "prompt": "y"}\n', "already on line 1"),
        ("a.jsonl", '{"prompt": "x", "category": ["a"]}\n', r'a.jsonl:1: "category" must be a non-empty string'),
        ("a.json", "{", r"a.json:1: not valid JSON"),
        ("a.json", '{"prompt": "x"}', "must hold at least one row"),
        ("a.csv", "prompt\n", "must hold at least one row"),
        ("a.csv", "text\nx\n", 'a.csv:1: the field "prompt" is missing'),
        ("a.jsonl", "", "the file is empty"),
    ],
)
def test_a_fault_names_file_and_row(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=reason):
        read_queries(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_queries(tmp_path / "gone.csv")
