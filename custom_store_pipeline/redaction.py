"""Secrets are taken out of everything that a driver says before it is shown or stored.

Secret is what came from ``${…}``, and the password in any URL.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import logging
import re
import sys
import traceback
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO, cast

MASK = "***"

# The password ends at the last @ before the host: people forget to quote an @ in it.
# The lengths are bounded, because a search without bounds takes hours for a text of a megabyte without any URL.
_URL_PASSWORD = re.compile(
    r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"]{0,200}:)(?P<password>[^\s/'\"?#]{1,1000})(?=@)"
)
# In a value that is a URL as a whole, a / in the password can be told from the path, unless it looks like a port.
_USER_INFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^/:@]*)(?::(?!\d{1,5}/)(?P<password>.+))?@[^@]*")
# A value of a few characters would blot out half of every message; it is masked only where it stands alone.
_SHORT = 4
# Page sizes, ports and the like come from the environment too; masking them would take the numbers out of metadata.
_HARMLESS_NUMBER = re.compile(r"\d{1,5}")
_LONG_ENOUGH_FOR_A_PART = 8


class Redactor:
    """Masks known secrets in texts and values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Prepares one pattern for all the forms in which the secrets may turn up."""
        forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        patterns = [_pattern(form) if len(form) >= _SHORT else rf"(?<!\w){_pattern(form)}(?!\w)" for form in forms]
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
        if isinstance(value, int) and not isinstance(value, bool) and self.text(str(value)) == MASK:
            return MASK  # a secret of digits, turned into a number by the driver
        return value


def passwords_in_urls(value: Any) -> set[str]:
    """The passwords of all URLs in a store's settings, as written and percent-decoded."""
    if isinstance(value, str):
        found = {match["password"] for match in _URL_PASSWORD.finditer(value)}
        whole = _USER_INFO.fullmatch(value.strip())
        if whole and whole["password"]:
            found.add(whole["password"])
        return found | {urllib.parse.unquote(password) for password in found}
    if isinstance(value, Mapping):
        return {password for item in value.values() for password in passwords_in_urls(item)}
    if isinstance(value, list):
        return {password for item in value for password in passwords_in_urls(item)}
    return set()


def _pattern(form: str) -> str:
    # %2F and %2f are the same
    return re.sub("%[0-9A-F]{2}", lambda escape: f"(?i:{escape[0]})", re.escape(form))


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as it turns up: encoded, escaped, quoted, in lines, and the parts of a URL."""
    for part in _parts(secret):
        if not part or _HARMLESS_NUMBER.fullmatch(part):
            continue
        yield part
        yield urllib.parse.quote(part, safe="")
        yield urllib.parse.quote(part)
        yield urllib.parse.quote_plus(part)
        yield repr(part)[1:-1]
        yield part.encode("unicode_escape").decode().replace("'", "\\'")
        yield repr(part.encode())[2:-1]
        yield json.dumps(part)[1:-1]
        yield part.replace("'", "''")
        yield html.escape(part)
        yield base64.b64encode(part.encode()).decode().rstrip("=")


def _parts(secret: str) -> set[str]:
    parts = {secret, secret.strip(), *passwords_in_urls(secret)}
    if "\n" in secret:
        parts |= {line for line in secret.splitlines() if len(line) >= _LONG_ENOUGH_FOR_A_PART}
    if "://" in secret:
        # malformed URLs have no query that could be told apart
        with contextlib.suppress(ValueError):
            query = urllib.parse.parse_qsl(urllib.parse.urlsplit(secret).query)
            parts |= {value for _, value in query if len(value) >= _LONG_ENOUGH_FOR_A_PART}
        if (info := _USER_INFO.fullmatch(secret.strip())) and info["user"]:
            if info["password"]:  # as in the header of HTTP's basic authentication
                parts.add(f"{info['user']}:{info['password']}")
            else:  # a token that stands in the place of the user
                parts.add(info["user"])
    return parts


class RedactedOutput:
    """What drivers print or log in this process is redacted before Dagster captures it.

    Covers ``sys.stdout``, ``sys.stderr`` (their ``buffer`` too) and ``logging``; what is written to the file
    descriptors by other means, such as a subprocess, is not seen.
    """

    def __init__(self, redactor: Redactor) -> None:
        """Starts to redact."""
        self._make_record = make_record = logging.getLogRecordFactory()
        self._streams = (sys.stdout, sys.stderr)

        def make_redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make_record(*args, **kwargs)
            try:
                record.msg, record.args = redactor.text(record.getMessage()), ()
            except Exception:  # a malformed logging call; logging prints a notice and goes on, and so do we
                record.msg, record.args = redactor.text(f"{record.msg} {record.args}"), ()
            if record.exc_info and record.exc_info[0]:
                record.exc_text = redactor.text("".join(traceback.format_exception(*record.exc_info)).rstrip())
                record.exc_info = None
            return record

        logging.setLogRecordFactory(make_redacted_record)
        # TextIO has two dozen members, of which all but those that write are the stream's own.
        sys.stdout, sys.stderr = (cast("TextIO", _RedactedStream(stream, redactor)) for stream in self._streams)

    def end(self) -> None:
        """Stops to redact."""
        logging.setLogRecordFactory(self._make_record)
        sys.stdout, sys.stderr = self._streams


@contextlib.contextmanager
def redacted_output(redactor: Redactor) -> Iterator[Callable[[], None]]:
    """Redacts what drivers print or log while this is open.

    Yields:
        A function to call when a driver's thread had to be left behind: it may still print, so that redaction stays
        until the process ends.
    """
    output = RedactedOutput(redactor)
    stays = False

    def stay() -> None:
        nonlocal stays
        stays = True

    try:
        yield stay
    finally:
        if not stays:
            output.end()


class _RedactedStream:
    """A text stream, or the bytes below it, that redacts what is written, and is the original in everything else."""

    def __init__(self, stream: Any, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, data: Any) -> int:
        if isinstance(data, str):
            self._stream.write(self._redactor.text(data))
        else:
            text = bytes(data).decode("utf-8", "surrogateescape")
            self._stream.write(self._redactor.text(text).encode("utf-8", "surrogateescape"))
        return len(data)

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> _RedactedStream:
        return _RedactedStream(self._stream.buffer, self._redactor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
