"""Texts as integers, floats or booleans, only where each text would come back from its value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from custom_store_pipeline.data.common_types import LARGEST_EXACT

_USUAL_TRUTHS = (("True", "False"), ("true", "false"), ("TRUE", "FALSE"))
_MOST_CHARACTERS = 15  # of a decimal that a float surely gives back
_INTEGER = re.compile(r"-?[1-9]\d{0,15}")
_LEAST = 0.0001  # what is nearer to zero is written with an exponent


def typed(texts: pa.LargeStringArray, options: Mapping[str, Any]) -> pa.Array:
    """The texts as ``int64``, ``double`` or ``bool``, or else as they are.

    A text comes back if Python, R or JavaScript write the value so. So ``01234``, ``+49``, ``1E5``, ``1.10`` and
    integers beyond 64 bits keep a column text.

    Args:
        texts: texts and nulls.
        options: ``decimal``, ``thousands``, ``true_values`` and ``false_values`` of ``pandas.read_csv``.
    """
    if texts.null_count == len(texts):
        return texts
    place = pc.index(pc.is_valid(texts), True).as_py()
    found = _booleans(texts, texts[place].as_py(), options)
    if found is None:
        numbers = _with_plain_points(texts, options)
        # Arrow words an error for each text that is no number, so it is not asked about a column whose first is none.
        if numbers is not None and _is_a_number(numbers[place].as_py()):
            found = _floats(numbers) if _contains(numbers, ".") else _integers(numbers)
    return texts if found is None else found


def round_trips(text: str) -> bool:
    """Whether a text alone in its column would become a value."""
    return not pa.types.is_large_string(typed(pa.array([text], pa.large_string()), {}).type)


def _booleans(texts: Any, first: str, options: Mapping[str, Any]) -> Any:
    own = (options.get("true_values") or (), options.get("false_values") or ())
    for true, false in (*(((true,), (false,)) for true, false in _USUAL_TRUTHS), own):
        if first not in (*true, *false):
            continue
        known = pa.array([*true, *false], pa.large_string())
        if pc.all(pc.or_kleene(pc.is_in(texts, known), pc.is_null(texts))).as_py():
            truths = pc.is_in(texts, pa.array(list(true), pa.large_string()))
            return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.bool_()), truths)
    return None


def _with_plain_points(texts: Any, options: Mapping[str, Any]) -> Any:
    """Numbers as the mapping says they are written, as Python writes them; None if they cannot be such."""
    decimal, thousands = options.get("decimal") or ".", options.get("thousands")
    if thousands:
        texts = pc.replace_substring(texts, thousands, "")
    if decimal != ".":
        if _contains(texts, "."):
            return None
        texts = pc.replace_substring(texts, decimal, ".")
    return texts


def _is_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _integers(texts: Any) -> Any:
    try:
        values = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return _floats(texts)
    # Of what Arrow reads as an integer, all but this is as Arrow writes it. To write them costs three times as much.
    return _floats(texts) if _any(pc.starts_with(texts, "-0")) or _any(_have_leading_zeros(texts)) else values


def _floats(texts: Any) -> Any:
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    if _any(pc.is_nan(values)) or _mixes_ways_of_writing(texts):
        return None
    return values if _are_short_decimals(texts, values) or _come_back(texts, values) else None


def _mixes_ways_of_writing(texts: Any) -> bool:
    """Whether "1.0" stands beside "1": no way of writing gives both back."""
    with_a_zero = pc.ends_with(texts, ".0")
    return _any(with_a_zero) and _any(pc.match_substring_regex(texts.filter(pc.invert(with_a_zero)), r"^-?\d+$"))


def _are_short_decimals(texts: Any, values: Any) -> bool:
    """Whether the texts surely come back, seen without writing the values, which costs four times as much.

    Up to 15 digits, a float gives back each decimal that has no needless zero and no exponent.
    """
    if pc.max(pc.binary_length(texts)).as_py() > _MOST_CHARACTERS or any(_contains(texts, mark) for mark in "eEn"):
        return False
    size = pc.abs(values)
    if _any(pc.and_(pc.less(size, _LEAST), pc.not_equal(size, 0.0))):
        return False
    ends_in_zero = pc.and_not(pc.ends_with(texts, "0"), pc.ends_with(texts, ".0"))
    return not (
        (_any(ends_in_zero) and _any(pc.match_substring(texts.filter(ends_in_zero), ".")))
        or _any(pc.and_not(_have_leading_zeros(texts), pc.starts_with(texts, "0.")))
        or _any(pc.and_not(pc.starts_with(texts, "-0"), pc.starts_with(texts, "-0.")))
        or any(_any(pc.starts_with(texts, start)) for start in ("+", ".", "-."))
        or _any(pc.ends_with(texts, "."))
    )


def _come_back(texts: Any, values: Any) -> bool:
    """Whether each text is how Arrow, Python, R or JavaScript write its value."""
    written = pc.cast(values, pa.large_string())
    with_a_zero = pc.binary_join_element_wise(written, *_large(".0", ""))
    found = pc.or_(pc.equal(written, texts), pc.equal(with_a_zero, texts))
    others = texts.filter(pc.invert(found)).drop_null().to_pylist()
    return all(repr(float(text)) == text or _is_exact_integer(text) for text in others)


def _is_exact_integer(text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and abs(int(text)) <= LARGEST_EXACT


def _contains(texts: Any, character: str) -> bool:
    """Whether any text has the character; most columns have none, which a search of all texts as one shows at once."""
    _, offsets, characters = texts.buffers()
    start, end = (
        int.from_bytes(offsets[8 * place : 8 * place + 8], "little")
        for place in (texts.offset, texts.offset + len(texts))
    )
    found = re.search(re.escape(character).encode(), characters[start:end])  # reads the buffer where it is
    hidden = texts.null_count  # a null may hide a text
    return found is not None and (not hidden or _any(pc.match_substring(texts, character)))


def _have_leading_zeros(texts: Any) -> Any:
    return pc.and_(pc.starts_with(texts, "0"), pc.greater(pc.binary_length(texts), 1))


def _any(truths: Any) -> bool:
    found: bool | None = pc.any(truths).as_py()
    return bool(found)


def _large(*texts: str) -> list[Any]:
    return [pa.scalar(text, pa.large_string()) for text in texts]
