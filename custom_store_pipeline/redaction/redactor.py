"""Masks secrets in texts and values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from ahocorasick_rs import AhoCorasick

from custom_store_pipeline.redaction.parts import URL_PASSWORD, is_harmless_number, parts_of
from custom_store_pipeline.redaction.spellings import Spelling, spellings_of, unescaped

MASK = "***"

Span = tuple[int, int]


class Redactor:
    """Masks known secrets in texts and values.

    Attributes:
        secrets: what it was made for.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Stores the secrets; their spellings are computed when the first text comes."""
        self.secrets = frozenset(secrets)

    def text(self, text: str) -> str:
        """The text with every secret, and every password of a URL, replaced by ``***``."""
        spans = [*self._secrets_in(text), *_url_passwords_in(text)]
        if self._parts and (plain := unescaped(text)):
            spans += [(plain.origin(start), plain.origin(end)) for start, end in self._secrets_in(plain.text)]
        return _masked(text, spans) if spans else text

    def value(self, value: Any) -> Any:
        """The plain value (dicts, lists, scalars) with every text in it redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if self._is_secret(value) else value
        return value

    def _is_secret(self, number: float) -> bool:
        """Whether it is a secret of digits that the driver turned into a number."""
        return number in self._numbers or self.text(str(number)) == MASK

    def _secrets_in(self, text: str) -> Iterator[Span]:
        candidates = set(self._always)
        if self._search is not None:
            for index, _, _ in self._search.find_matches_as_indexes(text, overlapping=True):
                candidates.update(self._by_anchor[index])
        for spelling in candidates:
            yield from (match.span() for match in spelling.pattern.finditer(text))

    @cached_property
    def _parts(self) -> set[str]:
        return {part for secret in self.secrets for part in parts_of(secret)}

    @cached_property
    def _numbers(self) -> set[float]:
        return {number for part in self._parts for number in _numbers_of(part)}

    @cached_property
    def _spellings(self) -> list[Spelling]:
        return [spelling for part in self._parts for spelling in spellings_of(part)]

    @cached_property
    def _always(self) -> list[Spelling]:
        return [spelling for spelling in self._spellings if not spelling.anchors]

    @cached_property
    def _anchors(self) -> dict[str, list[Spelling]]:
        anchors: dict[str, list[Spelling]] = {}
        for spelling in self._spellings:
            for anchor in spelling.anchors:
                anchors.setdefault(anchor, []).append(spelling)
        return anchors

    @cached_property
    def _by_anchor(self) -> list[list[Spelling]]:
        return list(self._anchors.values())

    @cached_property
    def _search(self) -> AhoCorasick | None:
        # Regular expressions for all of them are ten times as slow with a hundred secrets: docs/benchmarks.md.
        return AhoCorasick(list(self._anchors)) if self._anchors else None


def joined(redactors: Iterable[Redactor]) -> Redactor | None:
    """One that masks the secrets of all of them, or None if there are none."""
    distinct = {redactor.secrets: redactor for redactor in redactors}
    if len(distinct) <= 1:
        return next(iter(distinct.values()), None)
    return Redactor(frozenset().union(*distinct))


def _url_passwords_in(text: str) -> list[Span]:
    # The search costs most where there is nothing to find: two thirds of all masking, docs/benchmarks.md.
    return [match.span("password") for match in URL_PASSWORD.finditer(text)] if "://" in text and "@" in text else []


def _masked(text: str, spans: list[Span]) -> str:
    """The text with a mask for each span; spans that overlap or touch have one together."""
    pieces: list[str] = []
    shown, start, end = 0, -1, -1
    for next_start, next_end in [*sorted(spans), (len(text) + 1, len(text) + 1)]:
        if next_start <= end:
            end = max(end, next_end)
            continue
        if start >= 0:
            pieces += (text[shown:start], MASK)
            shown = end
        start, end = next_start, next_end
    return "".join([*pieces, text[shown:]])


def _numbers_of(part: str) -> Iterator[float]:
    with suppress(ValueError, OverflowError):
        number = float(part)
        if math.isfinite(number) and not is_harmless_number(repr(number).removesuffix(".0")):
            yield number
            yield int(part)
