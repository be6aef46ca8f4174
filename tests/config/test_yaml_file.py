"""Reading one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from custom_store_pipeline.config.yaml_file import read_yaml
from custom_store_pipeline.errors import ConfigurationError


def read(path: Path, text: str | bytes):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_yaml(path, "x.yaml")


def test_a_key_without_its_space_between_other_keys_is_understood(tmp_path: Path) -> None:
    # as custom_store_driver.md writes it
    file = read(
        tmp_path / "x.yaml", "store:\n  args:\n  url:http://localhost\n  size:3\ndata_format :\n  type : json\n"
    )

    assert file.content == {
        "store": {"args": None, "url": "http://localhost", "size": 3},
        "data_format": {"type": "json"},
    }


def test_no_valid_file_is_read_differently(tmp_path: Path) -> None:
    file = read(tmp_path / "x.yaml", "a: |\n  url:http://x\nb: url:value\nc:\n  url:value\nd: [x:y]\n")

    assert file.content == {"a": "url:http://x\n", "b": "url:value", "c": "url:value", "d": ["x:y"]}


def test_positions_are_those_of_values_keys_and_nearest_parents(tmp_path: Path) -> None:
    file = read(tmp_path / "x.yaml", "a:\n  b: [1, {c: 2}]\nd: &x {e: 3}\nf:\n  <<: *x\n")

    def position(*path: str | int, at_key: bool = False) -> tuple[int, int]:
        problem = file.problem(path, "", at_key=at_key)
        return problem.line, problem.column

    assert position("a", "b", 1, "c") == (2, 14)
    assert position("a", "b", 1, "c", at_key=True) == (2, 11)
    assert position("a", "b", 7) == (2, 6)
    assert position("f", "e") == (3, 11)
    assert position("nowhere") == (1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe\x00", "x.yaml: the file cannot be read: not UTF-8; save it as UTF-8")],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path / "x.yaml", content)

    assert str(raised.value) == message


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    assert read(tmp_path / "x.yaml", "\ufeffa: 1\n").content == {"a": 1}
