"""Drivers checked by their source: what is found, what is refused, and what is left to the loader."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from custom_store_pipeline.drivers.driver_files import digest_of, find_driver, read_sources
from custom_store_pipeline.drivers.static_check import check_driver
from custom_store_pipeline.errors import DriverNotFoundError, DriverSignatureError
from tests.world.projects_folder import ProjectsFolder

RIGHT = {
    "plain": """
        class AStoreDriver:
            def pull_data(self, mapping_config, entity): ...
    """,
    "other names, more arguments with defaults": """
        class AStoreDriver:
            def pull_data(self, config, name, page=1, *, size=10): ...
    """,
    "star": """
        class AStoreDriver:
            def pull_data(self, *args, **kwargs): ...
    """,
    "positional only": """
        class AStoreDriver:
            def pull_data(self, config, entity, /): ...
    """,
    "static": """
        class AStoreDriver:
            @staticmethod
            def pull_data(config, entity): ...
    """,
    "class method": """
        class AStoreDriver:
            @classmethod
            def pull_data(cls, config, entity): ...
    """,
    "decorated: its arguments cannot be known": """
        import functools
        class AStoreDriver:
            @functools.cache
            def pull_data(self): ...
    """,
    "base in the same file": """
        class Base:
            def pull_data(self, config, entity): ...
        class AStoreDriver(Base):
            pass
    """,
    "base from elsewhere: its methods cannot be known": """
        from elsewhere import Base
        class AStoreDriver(Base):
            pass
    """,
    "imported class": """
        from .helpers import AStoreDriver
    """,
    "assigned class": """
        def make(): ...
        AStoreDriver = make()
    """,
    "method by assignment": """
        def pull(self, config, entity): ...
        class AStoreDriver:
            pull_data = pull
    """,
    "in a try block": """
        try:
            import fast
        except ImportError:
            class AStoreDriver:
                def pull_data(self, config, entity): ...
        else:
            class AStoreDriver:
                def pull_data(self, config, entity): ...
    """,
    "everything imported": """
        from .helpers import *
    """,
    "a choice of methods": """
        class AStoreDriver:
            if True:
                def pull_data(self, config, entity): ...
            else:
                def pull_data(self): ...
    """,
    "a method by annotated assignment": """
        def pull(self, config, entity): ...
        class AStoreDriver:
            pull_data: object = pull
    """,
    "a method set later": """
        class AStoreDriver: ...
        AStoreDriver.pull_data = lambda self, config, entity: []
    """,
    "a class in a loop": """
        for size in (1, 2):
            class AStoreDriver:
                def pull_data(self, config, entity): ...
    """,
    "several names assigned at once": """
        AStoreDriver, x = make()
    """,
    "helpers called like reserved names": """
        class AStoreDriver:
            def pull_data(self, config, entity): ...
            def check(self, response, strict): ...
            def list_entities(self): ...
    """,
    "a base that is imported, beside one that is not": """
        from elsewhere import Other
        class Base: ...
        class AStoreDriver(Base, Other): ...
    """,
    "two bases have the method: which one is called is not looked up": """
        class One:
            def pull_data(self, config): ...
        class Two:
            def pull_data(self, config, entity): ...
        class AStoreDriver(Two, One): ...
    """,
    "methods made by a loop over locals()": """
        class AStoreDriver:
            for name in ("pull_data", "push_data"):
                locals()[name] = lambda self, config, entity: []
    """,
    "constructor with defaults": """
        class AStoreDriver:
            def __init__(self, size=10): ...
            def pull_data(self, config, entity): ...
    """,
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT.keys())
def test_a_driver_that_works_is_not_refused(projects: ProjectsFolder, source: str) -> None:
    projects.driver("a_store_driver", source)

    check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")


def test_a_driver_that_takes_arrow_needs_no_push_data(projects: ProjectsFolder) -> None:
    projects.driver(
        "a_store_driver", "class AStoreDriver:\n    def push_arrow(self, config, entity, reader, deletes=None): ..."
    )

    check_driver(find_driver(projects.path, "shop", "a_store_driver"), "push_data")


WHERE = "projects/shop/custom_store_driver/a_store_driver.py:2: class AStoreDriver"
WRONG = {
    "async def pull_data(self, config, entity): ...": f"{WHERE}: 'pull_data' is async, and nothing awaits it; ",
    "def pull_data(self, config): ...": f"{WHERE}: 'pull_data(self, config)' cannot be called as it will be; ",
    "def pull_data(self, config, entity, page): ...": f"{WHERE}: 'pull_data(self, config, entity, page)' cannot",
    "def pull_data(self, config, entity, *, page): ...": f"{WHERE}: 'pull_data(self, config, entity, *, page)' cannot",
    "def pull_data(self, config, *, entity): ...": f"{WHERE}: 'pull_data(self, config, *, entity)' cannot be called",
    "@staticmethod\n    def pull_data(self, config, entity): ...": f"{WHERE}: 'pull_data(self, config, entity)' cannot",
    "def push_data(self, config, entity, df, deletes_df=None): ...": f"{WHERE} has no method 'pull_data'; add: def ",
    "def pulldata(self, config, entity): ...": f"{WHERE} has no method 'pull_data'; rename 'pulldata', or add: def ",
    "def __init__(self, url): ...\n    def pull_data(self, c, e): ...": f"{WHERE}: '__init__(self, url)' cannot",
    "def pull_data(self, c, e): ...\n    def close(self, x): ...": f"{WHERE}: 'close(self, x)' cannot",
    "def pull_data(self, c, e): ...\n    def push_chunks(self, c, e): ...": f"{WHERE}: 'push_chunks(self, c,",
    "def pull_data(self, c, e): ...\n    def push_arrow(self, c, e): ...": f"{WHERE}: 'push_arrow(self, c, e)' cannot",
}


BASE = "projects/shop/custom_store_driver/a_store_driver.py:4: class AStoreDriver"
WRONG_BESIDE = {
    "in a base class of the same file": """
class Base:
    def pull_data(self, config): ...
class AStoreDriver(Base): ...
""",
    "beside a local variable of the same name": """
# the class is in
# line four
class AStoreDriver:
    def push_data(self, config, entity, df, deletes_df=None):
        pull_data = 1
    def pull_data(self, config): ...
""",
}


@pytest.mark.parametrize("source", WRONG_BESIDE.values(), ids=WRONG_BESIDE.keys())
def test_a_wrong_method_is_found(projects: ProjectsFolder, source: str) -> None:
    projects.driver("a_store_driver", source)

    with pytest.raises(DriverSignatureError) as raised:
        check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")

    assert str(raised.value).startswith(f"{BASE}: 'pull_data(self, config)' cannot be called as it will be; ")


@pytest.mark.parametrize(
    "source",
    [
        "\nclass Base:\n    def pull(self): ...\nclass AStoreDriver(Base): ...",
        "\n\n\nclass AStoreDriver:\n    def helper(self):\n        pull_data = self.x()\n",
    ],
)
def test_a_missing_method_is_found(projects: ProjectsFolder, source: str) -> None:
    projects.driver("a_store_driver", source)

    with pytest.raises(DriverSignatureError) as raised:
        check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")

    assert str(raised.value).startswith(f"{BASE} has no method 'pull_data'; ")


@pytest.mark.parametrize(("method", "message"), WRONG.items())
def test_a_method_that_could_not_be_called_is_refused(projects: ProjectsFolder, method: str, message: str) -> None:
    projects.driver("a_store_driver", "\nclass AStoreDriver:\n    " + method)

    with pytest.raises(DriverSignatureError) as raised:
        check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")

    assert str(raised.value).startswith(message)
    assert ": def " in str(raised.value)


def test_the_class_is_named_after_the_file(projects: ProjectsFolder) -> None:
    projects.driver("s3_lake_driver", "class S3LakeDriver:\n    def pull_data(self, c, e): ...")
    projects.driver("empty_driver", "")

    check_driver(find_driver(projects.path, "shop", "s3_lake_driver"), "pull_data")
    with pytest.raises(DriverNotFoundError, match=r"no class 'EmptyDriver' in .*/empty_driver.py; it defines no class"):
        check_driver(find_driver(projects.path, "shop", "empty_driver"), "pull_data")


def test_a_link_out_of_the_projects_folder_is_refused(projects: ProjectsFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("class LinkDriver: ...")
    projects.driver("a_store_driver", "").with_name("link_driver.py").symlink_to(outside)

    with pytest.raises(DriverNotFoundError, match="is a link out of the projects folder; copy the file there instead"):
        find_driver(projects.path, "shop", "link_driver")


def test_the_digest_covers_the_helpers_that_are_imported_and_no_others(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "from .one import x\nfrom . import two\nimport json")
    projects.driver("one", "from .three import y")
    for name in ("two", "three", "unrelated"):
        projects.driver(name, "")

    def digest() -> str:
        return digest_of(read_sources(find_driver(projects.path, "shop", "a_store_driver")))

    before = digest()
    projects.driver("unrelated", "x = 1")
    assert digest() == before
    for name in ("two", "three"):
        projects.driver(name, "x = 1")
        assert digest() != before
        before = digest()


@pytest.mark.parametrize(
    ("statement", "file"),
    [
        ("from .api import client", "api/client.py"),
        ("from .api.client import get", "api/client.py"),
        ("from .api.client import get", "api/__init__.py"),
        ("from .api import get", "api/__init__.py"),
        ("def pull_data(self):\n    from .api.client import get", "api/client.py"),
    ],
)
def test_the_digest_covers_packages(projects: ProjectsFolder, statement: str, file: str) -> None:
    folder = projects.driver("a_store_driver", statement).parent
    (folder / "api").mkdir()
    for name in ("client", "__init__"):
        (folder / f"api/{name}.py").write_text("")
    before = read_sources(find_driver(projects.path, "shop", "a_store_driver"))

    (folder / file).write_text("x = 1")

    assert digest_of(before) != digest_of(read_sources(find_driver(projects.path, "shop", "a_store_driver")))


def test_the_digest_covers_what_packages_import_from_above(projects: ProjectsFolder) -> None:
    folder = projects.driver("a_store_driver", "from .api.client import get").parent
    (folder / "api").mkdir()
    (folder / "api/client.py").write_text("from ..common import x")
    projects.driver("common", "x = 1")

    sources = read_sources(find_driver(projects.path, "shop", "a_store_driver"))

    assert {path.relative_to(folder).as_posix() for path in sources} == {
        "a_store_driver.py", "api/client.py", "common.py"
    }  # fmt: skip


def test_a_helper_that_is_no_python_is_named(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "from .helpers import x\nclass AStoreDriver:\n    def pull_data(self, c, e): ...")
    projects.driver("helpers", "x = 1\ndef f(:")

    with pytest.raises(DriverNotFoundError, match=r"custom_store_driver/helpers.py:2: not valid Python: .*; fix the"):
        check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")


def test_a_helper_in_a_package_is_named_by_its_path(projects: ProjectsFolder) -> None:
    folder = projects.driver("a_store_driver", "from .api.client import x").parent
    (folder / "api").mkdir()
    (folder / "api/client.py").write_text("def")

    with pytest.raises(
        DriverNotFoundError, match="^projects/shop/custom_store_driver/api/client.py:1: not valid Python"
    ):
        check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")


def test_a_helper_that_imports_its_importer_is_no_trap(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", textwrap.dedent("from .b import x"))
    projects.driver("b", "from .a_store_driver import y")

    assert digest_of(read_sources(find_driver(projects.path, "shop", "a_store_driver")))


def test_deletes_df_is_optional_as_the_page_says(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "class AStoreDriver:\n    def push_data(self, config, entity, df): ...")

    check_driver(find_driver(projects.path, "shop", "a_store_driver"), "push_data")


def test_a_helper_that_is_a_link_out_of_the_projects_folder_is_refused(
    projects: ProjectsFolder, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("x = 1")
    driver = projects.driver("a_store_driver", "from .helpers import x")
    driver.with_name("helpers.py").symlink_to(outside)

    with pytest.raises(DriverNotFoundError, match="helpers.py is a link out of the projects folder"):
        find_driver(projects.path, "shop", "a_store_driver")


def test_a_file_that_python_cannot_parse_for_its_size_is_only_a_bad_driver(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "x = " + "+".join(["1"] * 50_000))

    with pytest.raises(DriverNotFoundError, match="custom_store_driver/a_store_driver.py"):
        check_driver(find_driver(projects.path, "shop", "a_store_driver"), "pull_data")
