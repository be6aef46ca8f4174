"""Secrets are taken out of everything that a driver says before it is shown or stored.

Secret is what came from ``${…}``, and the password in any URL.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import traceback
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

MASK = "***"

_URL_PASSWORD = re.compile(r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"]*:)(?P<password>[^\s/@'\"]+)(?=@)")
# A value as short as a port number would blot out half of every message; it is masked only where it stands alone.
_SHORT = 4
_LONG_ENOUGH_FOR_A_PART = 8


class Redactor:
    """Masks known secrets in texts and values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Prepares one pattern for all the forms in which the secrets may turn up."""
        forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        patterns = [re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def text(self, text: str) -> str:
        """The text with every secret, and every password of a URL, replaced by ``***``."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _URL_PASSWORD.sub(rf"\g<before>{MASK}", text)

    def value(self, value: Any) -> Any:
        """The plain value (dicts, lists, scalars) with every text in it redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and self.text(str(value)) != str(value):
            return MASK  # a secret of digits, turned into a number by the driver
        return value


def passwords_in_urls(value: Any) -> set[str]:
    """The passwords of all URLs in a store's settings, as written and percent-decoded."""
    if isinstance(value, str):
        found = {match["password"] for match in _URL_PASSWORD.finditer(value)}
        return found | {urllib.parse.unquote(password) for password in found}
    if isinstance(value, Mapping):
        return {password for item in value.values() for password in passwords_in_urls(item)}
    if isinstance(value, list):
        return {password for item in value for password in passwords_in_urls(item)}
    return set()


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, quoted for URLs, escaped as Python and JSON show it; its lines; the parts of a URL."""
    parts = {secret, secret.strip(), *passwords_in_urls(secret)}
    if "\n" in secret:
        parts |= {line for line in secret.splitlines() if len(line) >= _LONG_ENOUGH_FOR_A_PART}
    if "://" in secret:
        query = urllib.parse.parse_qsl(urllib.parse.urlsplit(secret).query)
        parts |= {value for _, value in query if len(value) >= _LONG_ENOUGH_FOR_A_PART}
    for part in parts:
        if part:
            yield part
            yield urllib.parse.quote(part, safe="")
            yield urllib.parse.quote_plus(part)
            yield repr(part)[1:-1]
            yield json.dumps(part)[1:-1]


@contextlib.contextmanager
def redacted_output(redactor: Redactor) -> Iterator[None]:
    """While this is open, what drivers print or log in this process is redacted before Dagster captures it."""
    make_record = logging.getLogRecordFactory()

    def make_redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        record.msg, record.args = redactor.text(record.getMessage()), None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redactor.text("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        return record

    logging.setLogRecordFactory(make_redacted_record)
    with (
        contextlib.redirect_stdout(_RedactedStream(sys.stdout, redactor)),
        contextlib.redirect_stderr(_RedactedStream(sys.stderr, redactor)),
    ):
        try:
            yield
        finally:
            logging.setLogRecordFactory(make_record)


class _RedactedStream:
    """A text stream that redacts what is written, and is the original one in everything else."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
