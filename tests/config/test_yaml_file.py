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
    # as docs/custom_store_driver.md writes it
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
    [
        (b"\xff\xfe\x00", "x.yaml: the file cannot be read: not UTF-8; save it as UTF-8"),
        (
            b"a: 2024-02-30",
            "x.yaml:1:4: '2024-02-30' looks like a value of the type timestamp, but is not one; quote it",
        ),
        (b"a:\n  b: 0x_", "x.yaml:2:6: '0x_' looks like a value of the type int, but is not one; quote it"),
        (
            b"a: !!int foo",
            "x.yaml:1:4: the tag 'tag:yaml.org,2002:int' is not allowed; write plain values, without tags",
        ),
        (
            b"a: &a [*a]",
            "x.yaml:1:4: values are nested too deeply, or aliases refer to each other without end; unfold them",
        ),
        (
            b"a: " + b"[" * 60 + b"]" * 60,
            "x.yaml:1:53: values are nested too deeply, or aliases refer to each other without end; unfold them",
        ),
        # so many levels end the process if the C parser gets them
        (
            b"a: " + b"[" * 90_000,
            "x.yaml:1:53: values are nested too deeply, or aliases refer to each other without end; unfold them",
        ),
        (
            b"- " * 90_000,
            "x.yaml:1:101: values are nested too deeply, or aliases refer to each other without end; unfold them",
        ),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path / "x.yaml", content)

    assert str(raised.value) == message


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    assert read(tmp_path / "x.yaml", "\ufeffa: 1\n").content == {"a": 1}


def test_merge_keys_may_repeat_keys(tmp_path: Path) -> None:
    text = "a: &more {<<: &common {timeout: 1, url: a}, timeout: 5}\nb: {x: 1, <<: *more}\n"

    assert read(tmp_path / "x.yaml", text).content["b"] == {"x": 1, "timeout": 5, "url": "a"}


@pytest.mark.parametrize("levels", [5, 12])  # 60,000 values, which would fit into memory, and 300,000,000,000
def test_a_short_file_that_unfolds_to_many_values_is_refused(tmp_path: Path, levels: int) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]

    with pytest.raises(ConfigurationError, match="aliases refer to each other without end"):
        read(tmp_path / "x.yaml", "\n".join(lines))


def test_large_files_are_fine(tmp_path: Path) -> None:
    numbers = ", ".join(map(str, range(260_000)))
    shared = "a: &a [" + ", ".join(["x"] * 3_000) + "]\nb: [" + ", ".join(["*a"] * 100) + "]\n"

    assert len(read(tmp_path / "x.yaml", f"a: [{numbers}]").content["a"]) == 260_000
    assert len(read(tmp_path / "x.yaml", shared).content["b"]) == 100


def test_several_anchors_may_be_merged(tmp_path: Path) -> None:
    text = "x: &x {a: 1}\ny: &y {b: 2}\nz:\n  <<: *x\n  <<: *y\n"

    assert read(tmp_path / "x.yaml", text).content["z"] == {"a": 1, "b": 2}
