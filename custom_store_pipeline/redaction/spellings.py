"""How a secret may be spelled: each character as itself or escaped in some way, all of it in base64 or in hex."""

from __future__ import annotations

import base64
import html.entities
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

# Masking a value of a few characters would remove half of every message; it is masked only as a word of its own.
_SHORT = 4
# Shorter anchors occur in every line: to handle them costs more than to search for the spelling itself.
_SHORTEST_ANCHOR = 3
# To prepare a search for longer ones takes a time that is quadratic in their length.
_LONGEST_ANCHOR = 32
# A longer secret is masked piece by piece: to compile a regular expression of 100 kB would take minutes.
_LONGEST_PIECE = 256
_RUN = re.compile(r"[A-Za-z0-9]+")
_BASE64_CHARACTER = "[A-Za-z0-9+/_-]?"
_PADDING = "(?:=|%3[Dd]){0,2}"
_URL_SAFE = {"+": "-", "/": "_"}

# Bounded, so that a million backslashes do not stop the search. Five levels of quotes make 31 of one.
_BACKSLASHES = r"\\{1,31}+"
_ANY_BACKSLASHES = r"\\{0,31}+"
_PERCENT = "%(?:25){0,4}"
_AMPERSAND = "&(?:amp;|#38;|#[xX]26;){0,4}"
_DOUBLED = "\"'`%{}$^"
_ESCAPE_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a"}
# 'a'"'"'b' and 'a'\''b' of shells
_QUOTE, _DOUBLE_QUOTE = f"{_ANY_BACKSLASHES}'", f'{_ANY_BACKSLASHES}"'
_SHELL_QUOTES = (f"{_QUOTE}{_DOUBLE_QUOTE}{_QUOTE}{_DOUBLE_QUOTE}{_QUOTE}", f"{_QUOTE}{_BACKSLASHES}'{_QUOTE}")

_HEX = "3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]"
_DECIMAL = "4[89]|5[0-7]|6[5-9]|[78][0-9]|90|9[7-9]|1[01][0-9]|12[0-2]"
_OCTAL = "0?(?:6[0-7]|7[01])|1(?:0[1-7]|[1256][0-7]|[37][0-2]|4[1-7])"
_ESCAPED_ALPHANUMERIC = re.compile(
    rf"%(?:25){{0,4}}(?P<percent>{_HEX})"
    rf"|\\{{1,31}}+(?:(?:x|u00|U000000|u\{{0{{0,4}})(?P<backslash>{_HEX})\}}?|(?P<octal>{_OCTAL}))"
    rf"|{_AMPERSAND}#(?:[xX]0{{0,6}}(?P<xml>{_HEX})|0{{0,6}}(?P<decimal>{_DECIMAL}));?"
)


@dataclass(frozen=True)
class Spelling:
    """One way to spell a secret.

    Attributes:
        text: what is spelled; any of its characters may be escaped.
        before: a regular expression for what comes before it.
        after: one for what comes after it.
        url_safe: whether ``-`` and ``_`` may replace ``+`` and ``/``.
    """

    text: str
    before: str = ""
    after: str = ""
    url_safe: bool = False

    @property
    def anchors(self) -> tuple[str, ...]:
        """Strings; each match of the pattern contains one of them. Empty if there is no rare one.

        Hardly anything escapes letters and digits. Where they are escaped, the result of ``unescaped`` is searched.
        """
        run = max(_RUN.findall(self.text), key=len, default="")[:_LONGEST_ANCHOR]
        if len(run) < _SHORTEST_ANCHOR:
            return ()
        return (run, run.upper()) if "(?i:" in self.before else (run,)

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the text with each character as itself or escaped; letters and digits only as themselves."""
        return _compiled(self)


def spellings_of(part: str) -> Iterator[Spelling]:
    """The ways to spell a secret; a long one in pieces, which are masked one by one."""
    pieces = -(-len(part) // _LONGEST_PIECE)
    length = -(-len(part) // pieces)
    for start in range(0, len(part), length):
        yield from _spellings_of_piece(part[start : start + length])


def _spellings_of_piece(part: str) -> Iterator[Spelling]:
    data = part.encode("utf-8", "surrogatepass")
    if len(part) < _SHORT:
        for text in (part, base64.b64encode(data).decode().rstrip("=")):
            yield Spelling(text, *((r"(?<!\w)", r"(?!\w)") if len(text) < _SHORT else ()))
        return
    yield Spelling(part)
    yield Spelling(data.hex(), "(?i:", ")")
    for offset in range(3):
        # Only characters that do not depend on the text beside the secret are known.
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        first, end = (offset * 4 + 2) // 3, (offset + len(data)) * 4 // 3
        before = _BASE64_CHARACTER if offset else ""
        after = f"{_BASE64_CHARACTER}{_PADDING}" if (offset + len(data)) % 3 else ""
        yield Spelling(encoded[first:end], before, after, url_safe=True)


@dataclass(frozen=True)
class Unescaped:
    """A text with its escaped letters and digits written out, and where each piece of it was."""

    text: str
    _starts: list[int]
    _origins: list[int]

    def origin(self, position: int) -> int:
        """The position in the text as it was."""
        index = bisect_right(self._starts, position) - 1
        return self._origins[index] + position - self._starts[index]


def unescaped(text: str) -> Unescaped | None:
    """The text with its escaped letters and digits written out, or None if it has none."""
    if not ("\\" in text or "%" in text or ("&" in text and "#" in text)):
        return None  # the search takes ten times as long
    pieces: list[str] = []
    starts, origins, end, length = [0], [0], 0, 0
    for match in _ESCAPED_ALPHANUMERIC.finditer(text):
        pieces += (text[end : match.start()], _character_of(match))
        length += match.start() - end + 1
        starts += (length - 1, length)
        origins += (match.start(), match.end())
        end = match.end()
    if not pieces:
        return None
    return Unescaped("".join([*pieces, text[end:]]), starts, origins)


def _character_of(match: re.Match[str]) -> str:
    bases = {"octal": 8, "decimal": 10}
    kind = match.lastgroup or ""
    return chr(int(match[kind], bases.get(kind, 16)))


@lru_cache(maxsize=4096)
def _compiled(spelling: Spelling) -> re.Pattern[str]:
    pieces = []
    previous = ""
    for character, run in groupby(spelling.text):
        pieces.append(_run_of(character, len(list(run)), previous == "\\", spelling.url_safe))
        previous = character
    return re.compile(spelling.before + "".join(pieces) + spelling.after)


def _run_of(character: str, times: int, after_backslash: bool, url_safe: bool) -> str:
    if character.isascii() and character.isalnum():
        return character * times
    ways = "|".join(_ways(character, after_backslash))
    if url_safe and character in _URL_SAFE:
        ways += f"|{_URL_SAFE[character]}"
    repeated = f"(?:{ways})" + (f"{{{times}}}" if times > 1 else "")
    # Backslashes that escape the next character look like those that are meant.
    return rf"(?:{repeated}|\\{{{times},{times * 32}}}+)" if character == "\\" else repeated


@lru_cache(maxsize=4096)
def _ways(character: str, after_backslash: bool) -> tuple[str, ...]:
    """The ways to write one character that is not an ASCII letter or digit."""
    return (
        *_as_itself(character),
        *_by_backslash(character, after_backslash),
        *_by_percent(character),
        _in_xml(character),
    )


def _as_itself(character: str) -> Iterator[str]:
    own = _ANY_BACKSLASHES + re.escape(character)
    yield f"(?:{own}){{1,4}}?" if character in _DOUBLED else own
    if character == "'":
        yield from _SHELL_QUOTES
    if character == "\n":
        yield r"\r\n"


def _by_backslash(character: str, after_backslash: bool) -> Iterator[str]:
    """Of Python, JSON, C and shells; bytes by their UTF-8, as ``repr(bytes)`` writes them."""
    start = _ANY_BACKSLASHES if after_backslash else _BACKSLASHES
    data = _utf8(character)
    code = ord(character)
    yield start + _BACKSLASHES.join(f"(?i:x{byte:02x})" for byte in data)
    yield start + _BACKSLASHES.join(f"0{{0,2}}{byte:o}" for byte in data)
    units = character.encode("utf-16-be", "surrogatepass").hex()
    yield start + _BACKSLASHES.join(f"(?:u(?i:{units[i : i + 4]}))" for i in range(0, len(units), 4))
    yield rf"{start}(?:U(?i:{code:08x})|u\{{0{{0,4}}(?i:{code:x})\}})"
    if code < 256 and len(data) > 1:
        yield f"{start}(?i:x{code:02x})"
    if character in _ESCAPE_LETTERS:
        yield start + _ESCAPE_LETTERS[character]


def _by_percent(character: str) -> Iterator[str]:
    yield "".join(f"{_PERCENT}(?i:{byte:02x})" for byte in _utf8(character))
    if 128 <= ord(character) < 256:
        yield f"{_PERCENT}(?i:{ord(character):02x})"
    if character == " ":
        yield r"\+"


def _in_xml(character: str) -> str:
    code = ord(character)
    names = "".join(f"|{name}" for name in _NAMES.of.get(character, ()))
    return f"{_AMPERSAND}(?:#0{{0,6}}{code}|#[xX]0{{0,6}}(?i:{code:x}){names});?"


def _utf8(character: str) -> bytes:
    return character.encode("utf-8", "surrogatepass")


class _Names:
    """The names of characters in HTML, collected when the first one is asked for."""

    @cached_property
    def of(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, character in html.entities.html5.items():
            if name.endswith(";"):
                names.setdefault(character, []).append(re.escape(name[:-1]))
        return names


_NAMES = _Names()
