"""What in a secret is secret by itself: the password of a URL, the values of a JSON document, the lines of a key."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

# The password ends at the last @ before the host: people forget to quote an @ in it. The lengths are bounded: without
# bounds, the search of a megabyte without any URL takes hours.
URL_PASSWORD = re.compile(
    r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"]{0,200}:)(?P<password>[^\s/'\"?#]{1,1000})(?=@)"
)
# In a value that is a whole URL, a / in the password differs from the path, unless it looks like a port.
_USER_INFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^/:@]*)(?::(?!\d{1,5}/)(?P<password>.+))?@[^@]*")
# Page sizes, ports and the like come from the environment too; masking them would take the numbers out of metadata.
_NUMBER = re.compile(r"[+-]?\d*\.?\d*")
_MOST_HARMLESS_DIGITS = 5
_LONG_ENOUGH = 8
_NAME_OF_A_SECRET = re.compile(r"pass|pwd|secret|token|key|sig|cred|auth|private", re.IGNORECASE)
# Credentials contain public hosts, too. Messages without them would not say what could not be reached. A longer word
# in the path may be a token, as in a webhook.
_PUBLIC_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,12}")
_PUBLIC_URL = re.compile(rf"https?://{_PUBLIC_HOST.pattern}(?:/[a-z0-9._-]{{0,12}}){{0,8}}")
# A line of a document in a document in base64 is the fourth level; credentials have no more levels.
_DEEPEST = 8
_PAIR_KEY = r"(?:^|[;&\s,])\s*(?P<key>[A-Za-z][\w.-]{0,50}(?: \w{1,20}){0,3})\s*=\s*"
_QUOTED = r"\{(?:[^}]|\}\})*\}|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"
# `PWD=a b;UID=c`, and `password=a user=b` or `sig=a&sv=b`
_PAIRS = tuple(re.compile(rf"{_PAIR_KEY}(?P<value>{_QUOTED}|{value})") for value in ("[^;]+", r"[^;&\s]+"))
_AUTHORIZATION = re.compile(r"(?P<scheme>basic|bearer|token|apikey)\s+(?P<value>\S+)", re.IGNORECASE)
_USER_AND_PASSWORD = re.compile(r"[^:\s/]+:(?P<password>\S+)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def parts_of(secret: str) -> set[str]:
    """The secret, and what in it is secret by itself; without small numbers, which are not secret."""
    found: set[str] = set()
    new = {secret, secret.strip()}
    for _ in range(_DEEPEST):
        found |= new
        new = {inner for part in new for inner in _inside(part)} - found
    return {part for part in found if part and not is_harmless_number(part)}


def is_harmless_number(text: str) -> bool:
    """Whether the text is a number of so few digits that it says nothing."""
    digits = sum(map(str.isdigit, text))
    return 0 < digits <= _MOST_HARMLESS_DIGITS and _NUMBER.fullmatch(text) is not None


def passwords_in_urls(value: Any) -> set[str]:
    """The passwords of all URLs in a store's settings, as written and percent-decoded."""
    if isinstance(value, str):
        found = {match["password"] for match in URL_PASSWORD.finditer(value)}
        whole = _USER_INFO.fullmatch(value.strip())
        if whole and whole["password"]:
            found.add(whole["password"])
        return found | {urllib.parse.unquote(password) for password in found}
    if isinstance(value, Mapping):
        return {password for item in value.values() for password in passwords_in_urls(item)}
    if isinstance(value, list):
        return {password for item in value for password in passwords_in_urls(item)}
    return set()


def _inside(secret: str) -> Iterator[str]:
    """What is shorter than the secret and secret by itself; what this yields is searched, too."""
    yield from passwords_in_urls(secret)
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines() if len(line) >= _LONG_ENOUGH)
    if "://" in secret:
        yield from _in_url(secret)
    elif match := _USER_AND_PASSWORD.fullmatch(secret):
        yield from _if_long(match["password"])
    yield from _in_json(secret)
    yield from _in_pairs(secret)
    yield from _in_authorization(secret)


def _in_url(url: str) -> Iterator[str]:
    # a malformed URL has no recognizable query
    with contextlib.suppress(ValueError):
        for _, value in urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query):
            yield from _if_long(value)
    if (info := _USER_INFO.fullmatch(url.strip())) and info["user"]:
        # as in the header of HTTP's basic authentication, or a token in the place of the user
        yield f"{info['user']}:{info['password']}" if info["password"] else info["user"]


def _in_json(secret: str) -> Iterator[str]:
    document = secret.strip()
    if _BASE64.fullmatch(document):  # how documents are put into a variable
        document = _decoded(document).strip()
    if document[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            yield from _leaves("", json.loads(document))


def _leaves(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(key, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(name, item)
    elif value is not None and not isinstance(value, bool):
        yield from _if_secret(name, str(value))


def _in_pairs(secret: str) -> Iterator[str]:
    for pairs in _PAIRS if "=" in secret else ():
        for match in pairs.finditer(secret):
            value = match["value"].strip()
            yield from _if_secret(match["key"], value)
            if value[:1] in ("{", '"', "'") and value[-1:] in ("}", '"', "'"):
                inner = value[1:-1].replace(value[-1] * 2, value[-1])
                yield from _if_secret(match["key"], inner)


def _in_authorization(secret: str) -> Iterator[str]:
    if match := _AUTHORIZATION.fullmatch(secret.strip()):
        yield match["value"]
        if match["scheme"].lower() == "basic":
            yield _decoded(match["value"])


def _decoded(text: str) -> str:
    """What a text in base64 says, or nothing."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    with contextlib.suppress(ValueError):
        return base64.b64decode(padded, altchars=b"-_" if {"-", "_"} & set(text) else None, validate=True).decode()
    return ""


def _if_long(value: str) -> Iterator[str]:
    if len(value) >= _LONG_ENOUGH:
        yield value


def _if_secret(name: str, value: str) -> Iterator[str]:
    """A value with a name. If the name does not say so, the value is a secret if it is long and not a public host."""
    if not value.strip("=") or _PUBLIC_URL.fullmatch(value):  # = is the padding of base64
        return
    if _NAME_OF_A_SECRET.search(name):
        yield value
    elif not _PUBLIC_HOST.fullmatch(value):
        yield from _if_long(value)
