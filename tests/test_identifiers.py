"""Names that Dagster takes: readable where they can be, and another one for whatever else they are made of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_store_pipeline.identifiers import dagster_identifier

# Arbitrary texts seldom meet; these do, if anything can make them.
PARTS = st.lists(st.text() | st.text(alphabet="ab_.1"), min_size=1, max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("blog", "sqlite_store_driver"), "blog__sqlite_store_driver"),
        (("a", "b", "1"), "a__b__1"),
        (("Blog2", "x"), "Blog2__x"),
    ],
)
def test_plain_parts_are_joined_as_they_are(parts: tuple[str, ...], name: str) -> None:
    assert dagster_identifier(*parts) == name


@pytest.mark.parametrize(
    ("some", "others"),
    [
        (("a", "b__c"), ("a__b", "c")),
        (("a_", "b"), ("a", "_b")),
        (("a", "", "b"), ("a", "b")),
        (("a.b",), ("a_b",)),
        (("ä",), ("a\u0308",)),
        (("a", "b"), ("a__b",)),
        (("\ud800",), ("\ud801",)),
    ],
)
def test_names_that_could_be_confused_are_distinguished(some: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert dagster_identifier(*some) != dagster_identifier(*others)


@given(some=PARTS, others=PARTS)
def test_other_parts_have_another_name(some: tuple[str, ...], others: tuple[str, ...]) -> None:
    one, other = dagster_identifier(*some), dagster_identifier(*others)

    assert re.fullmatch(r"[A-Za-z0-9_]+", one)
    assert (one == other) is (some == others)
