"""What loading costs grows with what is loaded, and not with its square: counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from custom_store_pipeline.config import values
from custom_store_pipeline.drivers.driver_files import find_driver
from custom_store_pipeline.drivers.static_check import check_driver
from custom_store_pipeline.projects.loading import load_projects
from tests.world.projects_folder import SOURCE, ProjectsFolder

MAPPING = """
  - mapping:
      mapping_name: {name}
      from: {{store: {{file_name: items_store_driver, name: {source}{args}}}, entity: {{include: [{include}]}}}}
      to: {{file_name: items_store_driver, name: {target}}}
      {more}"""


def mapping(include: str, name: str = "a", source: str = "x", target: str = "y", args: str = "", more: str = "") -> str:
    return MAPPING.format(name=name, source=source, target=target, args=args, include=include, more=more)


def names(count: int) -> str:
    return ", ".join(f"e{number}" for number in range(count))


SHAPES: dict[str, Callable[[int], str]] = {
    "entities": lambda count: mapping(names(count)),
    "excluded entities": lambda count: mapping(names(count) + ", last", more="").replace(
        "]}}", f"], exclude: [{names(count)}]}}}}"
    ),
    "static partitions": lambda count: mapping("e", more=f"partitions: {{type: static, keys: [{names(count)}]}}"),
    "a list of args": lambda count: mapping("e", args=f", args: {{list: [{names(count)}]}}"),
    "an entity that is written twice, many times": lambda count: (
        mapping(names(count)) + mapping(names(count), name="b", source="z")
    ),
    "entities that go round in a circle": lambda count: (
        mapping(names(count)) + mapping(names(count), name="b", source="y", target="x")
    ),
    "mappings": lambda count: "".join(mapping(f"e{number}", name=f"m{number}") for number in range(count // 10)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_much_takes_twice_as_many_calls(projects: ProjectsFolder, shape: str) -> None:
    projects.driver("items_store_driver", SOURCE + "    def push_data(self, config, entity, df, deletes_df=None): ...")
    calls = []
    for count in (500, 1000, 2000):  # the first to import what is imported late
        projects.mapping(f"mappings:{SHAPES[shape](count)}")
        calls.append(calls_of(lambda: load_projects(projects.path)))

    assert calls[2] < 2.2 * calls[1]


def calls_of(function: Callable[[], object]) -> int:
    count = 0

    def seen(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_names_are_compared_with_few_others() -> None:
    compared = 0

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    values.unique(tuple(Name(number) for number in range(10_000)))

    assert compared < 1000


def classes(depth: int) -> Iterator[str]:
    """Two classes on each level, each with both classes of the level above as bases."""
    yield "class A0: ...\nclass B0: ...\n"
    for level in range(1, depth):
        for name in "AB":
            yield f"class {name}{level}(A{level - 1}, B{level - 1}): ...\n"
    yield f"class DeepStoreDriver(A{depth - 1}, B{depth - 1}):\n    def pull_data(self, mapping_config, entity): ...\n"


def test_each_class_of_a_drivers_file_is_read_once(projects: ProjectsFolder) -> None:
    calls = []
    for depth in (10, 20):
        projects.driver("deep_store_driver", "".join(classes(depth)))
        driver = find_driver(projects.path, "shop", "deep_store_driver")
        calls.append(calls_of(lambda driver=driver: check_driver(driver, "pull_data")))

    assert calls[1] < 2.2 * calls[0]
