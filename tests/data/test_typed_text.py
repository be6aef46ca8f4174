"""Texts become values only where each comes back; the slow way of finding that out says what is right."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from custom_store_pipeline.data.formats.typed_text import round_trips, typed


def column(texts: list[str | None]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def found(texts: list[str | None]) -> tuple[str, list]:
    values = typed(column(texts), {})
    return str(values.type), [repr(value) for value in values.to_pylist()]


def expected(texts: list[str | None]) -> tuple[str, list]:
    """The definition, text by text: written again, it is the same text."""
    known = [text for text in texts if text is not None]
    if known and all(comes_back_from_an_integer(text) for text in known):
        return "int64", [repr(None if text is None else int(text)) for text in texts]
    mixed = any(text.endswith(".0") for text in known) and any(text.lstrip("-").isdigit() for text in known)
    if known and not mixed and all(comes_back_from_a_float(text) for text in known):
        return "double", [repr(None if text is None else float(text)) for text in texts]
    return "large_string", [repr(text) for text in texts]


def comes_back_from_an_integer(text: str) -> bool:
    try:
        return str(int(text)) == text and -(2**63) <= int(text) < 2**63
    except ValueError:
        return False


def comes_back_from_a_float(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    ways = {repr(value), pa.scalar(value).cast(pa.string()).as_py(), *((f"{value:.0f}",) if abs(value) < 2**53 else ())}
    return text in ways | {way + ".0" for way in ways if way.lstrip("-").isdigit()} and value == value


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_each_short_text_becomes_what_it_comes_back_from(length: int) -> None:
    for characters in itertools.product("0129.-+eExn ", repeat=length):
        text = "".join(characters)

        assert found([text]) == expected([text])


NUMBERS = st.one_of(
    st.integers(-(2**66), 2**66).map(str),
    st.integers(-999, 999).map(str),
    st.floats(allow_nan=False).map(repr),
    st.decimals(-10_000, 10_000, places=3).map(str),
    st.integers(-999, 999).map(lambda value: f"{value}.0"),
    st.sampled_from(["0.0001", "0.00001", "-0", "-0.0", "1e+15", "1e5", "inf", "nan", "0xFFFFF", "1.50", "007", "1_0"]),
)


@given(st.lists(st.none() | NUMBERS, max_size=4))
@example(["0.5", "100000000000000"])  # Arrow writes this with an exponent, JavaScript does not
@example(["12345678901234.0", "1"])
@example(["9007199254740993", "0.5"])
def test_a_column_becomes_what_all_its_texts_come_back_from(texts: list[str | None]) -> None:
    assert found(texts) == expected(texts)


def test_part_of_a_longer_column_is_looked_at_alone() -> None:
    assert typed(column(["1.5", "1", "2", "x"]).slice(1, 2), {}).type == pa.int64()


def test_what_a_null_hides_is_not_looked_at() -> None:
    hidden = pa.array(["1.5", "1"], pa.large_string())
    texts = pa.LargeStringArray.from_buffers(2, hidden.buffers()[1], hidden.buffers()[2], pa.py_buffer(b"\x02"), 1)

    assert texts.to_pylist() == [None, "1"]
    assert typed(texts, {}).type == pa.int64()


@pytest.mark.parametrize(("text", "comes_back"), [("1", True), ("true", True), ("0.5", True), ("007", False)])
def test_one_text_alone(text: str, comes_back: bool) -> None:
    assert round_trips(text) is comes_back
