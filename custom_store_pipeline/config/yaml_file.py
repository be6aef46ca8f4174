"""Reading one YAML file: plain Python quickly, and the positions of keys only when there is an error to place."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from custom_store_pipeline.config.wording import describe
from custom_store_pipeline.errors import ConfigurationError, Problem

KeyPath = tuple[str | int, ...]

# Far beyond what people write; an alias that holds itself, or aliases of aliases of aliases, get here at once.
_DEEPEST = 50
_NODES_PER_CHARACTER = 40  # of a short file, so that one that doubles itself again and again is refused in milliseconds
_MOST_NODES = 1_000_000
# Each level of a block is indented further, or begins after "- " or "? " in the same line.
_INDENTATION = re.compile(r"^[ ?-]+", re.MULTILINE)
_TEXT = "tag:yaml.org,2002:str"
_TOO_DEEP = "values are nested too deeply, or aliases refer to each other without end; unfold them"


class _Loader(yaml.CSafeLoader):
    """Plain values only, with a place for values that cannot be constructed, such as the date 2024-02-30."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag == _TEXT and isinstance(node, yaml.ScalarNode):  # most nodes; PyYAML takes longer to come to this
            return node.value
        try:
            value = super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError):
            kind = node.tag.rpartition(":")[2]
            raise _refused(
                f"'{_shortened(node.value)}' looks like a value of the type {kind}, but is not one; quote it",
                node.start_mark,
            ) from None
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise _refused(f"'{_shortened(node.value)}' is too large a number; quote it", node.start_mark)
        return value


# Python refuses to show integers of more than 4,300 digits, and whatever makes a message or a hash of one would fail.
_MOST_BITS = 14_000


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:50]}…"


def _refused(message: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError("refused", None, message, mark)


def _check_depth(text: str) -> None:
    """Refuses nesting that would overflow the stack of the C parser, which ends the process and not just the call."""
    deepest_block = max(map(len, _INDENTATION.findall(text)), default=0)
    if text.count("[") + text.count("{") + deepest_block < _DEEPEST:
        return  # there cannot be that many levels
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise _refused(_TOO_DEEP, event.start_mark)


def _check_tags(text: str) -> None:
    """Refuses tags, all of them: ``!!binary`` or ``!!set`` would bring values that nothing here expects."""
    if "!" not in text:
        return
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(f"the tag '{tag}' is not allowed; write plain values, without tags", event.start_mark)


def _check_nodes(root: yaml.Node, text: str) -> None:
    """Refuses duplicate keys (YAML keeps the last: the others would be lost), and endless nesting.

    On the nodes as they are written: merge keys (``<<``) may repeat keys.
    """
    by_length = max(10_000, _NODES_PER_CHARACTER * len(text))
    # Without aliases there cannot be more nodes than characters.
    _count_nodes(root, 1, 0, max(min(_MOST_NODES, by_length), len(text)))


def _count_nodes(node: yaml.Node, depth: int, seen: int, most: int) -> int:
    seen += 1
    if depth > _DEEPEST or seen > most:
        raise _refused(_TOO_DEEP, node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        return seen
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    children = [child for pair in node.value for child in pair] if isinstance(node, yaml.MappingNode) else node.value
    for child in reversed(children):
        seen = _count_nodes(child, depth + 1, seen, most)
    return seen


def _check_keys(node: yaml.MappingNode) -> None:
    first: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            other = first.setdefault(key.value, key)
            if other is not key:
                line = other.start_mark.line + 1
                message = f"the key '{key.value}' occurs twice in this mapping, first in line {line}; keep one of them"
                raise _refused(message, key.start_mark)


@dataclass(frozen=True)
class YamlFile:
    """A mapping file that was read: its content, and the place of each key in it.

    Attributes:
        path: the file.
        shown: its path as messages show it.
        text: the text that was parsed.
        content: the top level, a dict.
        item_lines: the line, from 1, in which each item of ``mappings`` begins.
    """

    path: Path
    shown: str
    text: str
    content: dict[str, Any]
    item_lines: tuple[int, ...]

    def problem(
        self, key_path: KeyPath, message: str, *, at_key: bool = False, shown_key: str | None = None
    ) -> Problem:
        """A problem at a key path, placed at its value (or its key); at the nearest parent if the path is not there."""
        line, column = _position(self.text, key_path, at_key=at_key)
        return Problem(self.shown, line, column, dotted(key_path) if shown_key is None else shown_key, message)


def read_yaml(path: Path, shown: str, wanted: str = "the key 'mappings' and a list of mappings") -> YamlFile:
    """Reads a mapping file, or another file of settings.

    Args:
        path: the file.
        shown: the path to show in messages.
        wanted: what belongs into it, for messages.

    Raises:
        ConfigurationError: it cannot be read or is not one YAML mapping; says where and what to do.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8; save it as UTF-8"
        raise ConfigurationError([Problem(shown, 0, 0, "", f"the file cannot be read: {reason}")]) from None
    text, content, item_lines = _parse(text, shown)
    if content is None:
        message = f"the file is empty; write {wanted}, or delete the file"
        raise ConfigurationError([Problem(shown, 1, 1, "", message)])
    if not isinstance(content, dict):
        message = f"the top level is {describe(content)}; it must be a mapping: {wanted}"
        raise ConfigurationError([Problem(shown, 1, 1, "", message)])
    return YamlFile(path, shown, text, content, item_lines)


def _parse(text: str, shown: str) -> tuple[str, Any, tuple[int, ...]]:
    # Each repair fixes one line, so there can be no more repairs than lines.
    for _ in range(text.count("\n") + 2):
        try:
            _check_depth(text)
            _check_tags(text)
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is None:
                return text, None, ()
            _check_nodes(node, text)
            item = _child(node, "mappings")
            items = item[1].value if item and isinstance(item[1], yaml.SequenceNode) else []
            return text, loader.construct_document(node), tuple(found.start_mark.line + 1 for found in items)
        except yaml.YAMLError as error:
            repaired = _with_the_space_after_a_key(text, error)
            if repaired is None:
                raise ConfigurationError([_yaml_problem(error, shown)]) from None
            text = repaired
    raise AssertionError("unreachable: every repair fixes a line")


_KEY_WITHOUT_SPACE = re.compile(r"^(\s*(?:- )?[A-Za-z_][\w-]*:)(?=[^\s:])")


def _with_the_space_after_a_key(text: str, error: yaml.YAMLError) -> str | None:
    """``url:value`` between other keys is not YAML, but docs/custom_store_driver.md writes ``<key>:<value>`` so.

    Looked at only where the parser gave up on exactly such a line, so no valid file is ever read differently.
    """
    if not isinstance(error, yaml.MarkedYAMLError) or not error.context_mark:
        return None
    if error.context != "while scanning a simple key":
        return None
    lines = text.splitlines(keepends=True)
    number = error.context_mark.line
    lines[number], count = _KEY_WITHOUT_SPACE.subn(r"\1 ", lines[number])
    return "".join(lines) if count else None


def _yaml_problem(error: yaml.YAMLError, shown: str) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(shown, 1, 1, "", f"not YAML: {error}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message = str(error.problem)
    if error.context == "expected a single document in the stream":
        message = "a second YAML document begins here; remove the '---' and keep one list 'mappings:'"
    elif error.context == "while scanning an alias":
        message = "a value that begins with '*' must be quoted, such as '* * * * *'"
    elif "\\t" in message or "that cannot start any token" in message:
        message = f"not YAML: {message}; quote the value, and indent with spaces, not tabs"
    elif error.context != "refused":
        message = f"not YAML: {message}; check the indentation and the quotes in this line and the one before"
    return Problem(shown, line, column, "", message)


def _position(text: str, key_path: KeyPath, *, at_key: bool) -> tuple[int, int]:
    node = _composed(text)
    if node is None:
        return 1, 1
    mark = node.start_mark
    for depth, step in enumerate(key_path):
        found = _child(node, step)
        if found is None:
            break
        key_node, node = found
        last = depth == len(key_path) - 1
        mark = key_node.start_mark if at_key and last else node.start_mark
    return mark.line + 1, mark.column + 1


@functools.lru_cache(maxsize=2)
def _composed(text: str) -> yaml.Node | None:
    """The nodes of a file, which is asked for once for each problem in it."""
    return yaml.compose(text, Loader=yaml.CSafeLoader)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(step) or _is_boolean(key_node, step):
                return key_node, value_node
        for key_node, value_node in node.value:  # `<<: *anchor`: the key may be where the anchor is
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in merged:
                    if found := _child(source, step):
                        return found
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _is_boolean(key_node: yaml.Node, step: str | int) -> bool:
    """``on``, ``yes`` and the like, which are read as True."""
    booleans = yaml.constructor.SafeConstructor.bool_values
    return isinstance(step, bool) and booleans.get(str(key_node.value).lower()) is step


def has_path(content: Any, key_path: Sequence[str | int]) -> bool:
    """Whether the content has a value at this path."""
    for step in key_path:
        held = range(len(content)) if isinstance(content, list) else content if isinstance(content, dict) else ()
        if step not in held:
            return False
        content = content[step]
    return True


def dotted(key_path: KeyPath) -> str:
    """``("from", "entity", "include", 0)`` as ``from.entity.include[0]``."""
    text = ""
    for step in key_path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
