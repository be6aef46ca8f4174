"""``${NAME}`` in stores."""

from __future__ import annotations

import pytest

from custom_store_pipeline.config.environment_variables import Resolution, malformed_reference, resolve

ENVIRONMENT = {"TOKEN": "s3cret", "EMPTY": "", "HOST": "example.org"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $TOKEN {TOKEN}", "plain $TOKEN {TOKEN}"),
        ("${TOKEN}", "s3cret"),
        ("https://${HOST}/${TOKEN}", "https://example.org/s3cret"),
        ("${MISSING:-a:b-c}", "a:b-c"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("$${TOKEN}", "${TOKEN}"),
    ],
)
def test_references_are_filled_in(text: str, expected: str) -> None:
    assert resolve(text, ENVIRONMENT, Resolution()) == expected


def test_all_strings_of_a_value_are_resolved_and_nothing_is_shared() -> None:
    value = {"a": ["${TOKEN}", 1, None, {"b": "${HOST}"}], "c": True}

    resolved = resolve(value, ENVIRONMENT, Resolution())

    assert resolved == {"a": ["s3cret", 1, None, {"b": "example.org"}], "c": True}
    resolved["a"].append("changed")
    assert len(value["a"]) == 4


def test_what_was_filled_in_is_secret_and_a_default_is_not() -> None:
    resolution = Resolution()

    resolve(["${TOKEN}", "${MISSING:-public}"], ENVIRONMENT, resolution)

    assert resolution.secrets == {"s3cret"}


def test_every_missing_variable_is_reported_with_its_place() -> None:
    resolution = Resolution()

    resolve({"args": {"x": "${A}", "y": ["${B}"]}}, {}, resolution)

    assert resolution.missing == [(("args", "x"), "A"), (("args", "y", 0), "B")]


@pytest.mark.parametrize(
    ("text", "found"),
    [("${A}", None), ("$${A", None), ("${A:-{}", None), ("x ${A B}", "${A B}"), ("${1}", "${1}"), ("${A", "${A")],
)
def test_a_reference_that_is_none(text: str, found: str | None) -> None:
    assert malformed_reference(text) == found
