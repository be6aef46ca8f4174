"""A driver as source code: found, confined to the projects folder, and checked without importing it."""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from custom_store_pipeline.errors import DriverNotFoundError, DriverSignatureError, did_you_mean
from custom_store_pipeline.identifiers import pascal_case

DRIVER_FOLDER = "custom_store_driver"

# The methods of a driver, and what they are called with.
SIGNATURES: dict[str, str] = {
    "pull_data": "self, mapping_config, entity",
    "pull_keys": "self, mapping_config, entity",
    "fingerprint": "self, config, entity",
    "push_data": "self, config, entity, df, deletes_df=None",
    "push_chunks": "self, config, entity, chunks, deletes_df=None",
    "close": "self",
}
_OPTIONAL = ("pull_keys", "fingerprint", "push_chunks", "close")


@dataclass(frozen=True)
class DriverSource:
    """A driver's file.

    Attributes:
        project: the project it belongs to.
        file_name: the module's name, without ``.py``.
        path: the file.
    """

    project: str
    file_name: str
    path: Path

    @property
    def shown(self) -> str:
        """The path as messages show it: ``projects/blog/custom_store_driver/api_store_driver.py``."""
        return self.shown_path(self.path)

    def shown_path(self, path: Path) -> str:
        """The path of the driver's file, or of a module that it imports, as messages show it."""
        return str(path.relative_to(self.path.parents[3]))

    @property
    def class_name(self) -> str:
        """The class that the file must define."""
        return pascal_case(self.file_name)


def find_driver(projects_dir: Path, project: str, file_name: str) -> DriverSource:
    """The driver's file, which lies in the projects folder for sure.

    Args:
        projects_dir: the projects folder.
        project: a plain name, the driver's project.
        file_name: a plain name, the driver's module.

    Raises:
        DriverNotFoundError: no such project, no such file, or a link that leads out of the projects folder.
    """
    folder = projects_dir / project / DRIVER_FOLDER
    path = folder / f"{file_name}.py"
    if not (projects_dir / project).is_dir():
        projects = sorted(found.name for found in projects_dir.iterdir() if (found / DRIVER_FOLDER).is_dir())
        there = f"there are: {', '.join(projects)}" if projects else "there are none"
        raise DriverNotFoundError(
            f"no project '{project}' in {projects_dir.name}/; {there}{did_you_mean(project, projects)}"
        )
    if not path.is_file():
        files = sorted(found.stem for found in folder.glob("*.py") if not found.name.startswith("_"))
        there = f"there are: {', '.join(files)}" if files else "it holds no driver"
        where = folder.relative_to(projects_dir.parent)
        raise DriverNotFoundError(f"no file '{file_name}.py' in {where}/; {there}{did_you_mean(file_name, files)}")
    for part in _with_helpers(path):
        if not part.resolve().is_relative_to(projects_dir.resolve()):
            where = part.relative_to(projects_dir.parent)
            raise DriverNotFoundError(f"{where} is a link out of the projects folder; copy the file there instead")
    return DriverSource(project, file_name, path)


def check_driver(driver: DriverSource, method: str, sources: Mapping[Path, bytes] | None = None) -> None:
    """Checks from the source that the driver has its class, and that the class has a method as it will be called.

    What cannot be known without running the file (an imported class, a base class from elsewhere, a decorated method)
    is taken to be right; the loader sees it when the driver is used.

    Args:
        driver: the driver.
        method: ``pull_data`` or ``push_data``.
        sources: its sources, if they are not to be read.

    Raises:
        DriverNotFoundError: the file, or a module that it imports, is no Python; or it does not define the class.
        DriverSignatureError: the method is missing or takes other arguments; so for optional methods that are there.
    """
    where = driver.shown
    sources = read_sources(driver) if sources is None else sources
    trees = {path: _checked_tree(driver, path, source) for path, source in sources.items()}
    tree = trees[driver.path]
    classes = _classes(tree)
    if driver.class_name not in classes:
        if _may_be_bound(tree, driver.class_name):
            return
        found = f"it defines {', '.join(classes)}" if classes else "it defines no class"
        raise DriverNotFoundError(
            f"no class '{driver.class_name}' in {where}; {found}; "
            "the class must be named after the file, in PascalCase, so rename the class or the file"
        )
    own = classes[driver.class_name]
    methods, all_known = _methods(own, classes)
    all_known = all_known and not _may_gain_methods(tree)
    place = f"{where}:{own.lineno}: class {own.name}"
    if method not in methods and all_known:
        misspelt = difflib.get_close_matches(method, methods.keys() - SIGNATURES.keys(), n=1)
        remedy = f"rename '{misspelt[0]}', or add" if misspelt else "add"
        raise DriverSignatureError(f"{place} has no method '{method}'; {remedy}: def {method}({SIGNATURES[method]})")
    if "__init__" in methods:
        _check_arguments(methods["__init__"], "__init__", "self", place)
    for name in (method, *_OPTIONAL):
        if name in methods:
            _check_arguments(methods[name], name, SIGNATURES[name], place)


def _checked_tree(driver: DriverSource, path: Path, source: bytes) -> ast.Module:
    try:
        return _parsed(source)
    except (RecursionError, MemoryError) as error:
        problem = f"{driver.shown_path(path)} cannot be read: {type(error).__name__}"
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        problem = f"{driver.shown_path(path)}:{line}: not valid Python: {getattr(error, 'msg', None) or error}"
    raise DriverNotFoundError(f"{problem}; mend the driver's file")


def defines(driver: DriverSource, method: str) -> bool:
    """Whether the source shows that the driver's class has a method; False where it cannot tell."""
    try:
        tree = _parsed(driver.path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return False
    classes = _classes(tree)
    own = classes.get(driver.class_name)
    return own is not None and method in _methods(own, classes)[0]


def read_sources(driver: DriverSource) -> dict[Path, bytes]:
    """The driver's file and the modules of its folder that it imports (``from .helpers import …``), as they are now.

    Raises:
        DriverNotFoundError: one of them cannot be read.
    """
    try:
        return {path: path.read_bytes() for path in sorted(_with_helpers(driver.path))}
    except OSError as error:
        problem = f"{driver.shown} cannot be read: {type(error).__name__}; mend the driver's file"
    raise DriverNotFoundError(problem)


def digest_of(sources: Mapping[Path, bytes]) -> str:
    """A hash of a driver's sources, wherever they lie."""
    digest = hashlib.sha256()
    for path, content in sorted(sources.items()):
        digest.update(path.name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _parsed(source: bytes) -> ast.Module:
    """The syntax tree, which is only read: each mapping and each call of a driver asks for the same few files."""
    return ast.parse(source)


def _with_helpers(path: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        try:
            tree = _parsed(current.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                waiting += _imported_files(node, current, path.parent)
    return found


def _imported_files(node: ast.ImportFrom, importing: Path, folder: Path) -> Iterator[Path]:
    """The files of a driver folder that ``from .a.b import c`` may run: modules, and packages on the way to them."""
    package = importing.parents[node.level - 1]
    if not package.is_relative_to(folder):
        return
    base = package.joinpath(*(node.module or "").split("."))
    modules = [base, *(base / alias.name for alias in node.names)]
    packages = {parent for module in modules for parent in (module, *module.parents) if parent.is_relative_to(folder)}
    for file in [*(module.with_suffix(".py") for module in modules), *(parent / "__init__.py" for parent in packages)]:
        if file.is_file():
            yield file


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _statements(tree.body) if isinstance(node, ast.ClassDef)}


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, also those that stand in ``if`` and ``try`` blocks."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for inner in (node.body, getattr(node, "orelse", []), getattr(node, "finalbody", [])):
                yield from _statements(inner)
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _may_be_bound(tree: ast.Module, name: str) -> bool:
    """Whether the module may get a name in another way than by a class statement that can be looked into."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias) and (node.asname or node.name) in (name, "*"):
            return True
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            return True
        if isinstance(node, ast.ClassDef) and node.name == name:  # in a loop or a match statement
            return True
    return False


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _methods(own: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> tuple[dict[str, _Function], bool]:
    """The class's methods with those of bases in the same file, and whether there can be no others.

    Each class is looked at once, however many others have it as a base.
    """
    known: dict[str, tuple[dict[str, _Function], bool]] = {}

    def of(node: ast.ClassDef) -> tuple[dict[str, _Function], bool]:
        if node.name not in known:
            known[node.name] = {}, True  # while its bases are looked at: a class that is its own base has none
            known[node.name] = _with_own(node, [of(classes[name]) for name in _bases(node, classes)], classes)
        return known[node.name]

    return of(own)


def _bases(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> list[str]:
    """The bases that are in the same file."""
    names = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in classes]
    return [name for name in names if classes[name] is not node]


def _with_own(
    own: ast.ClassDef, inherited: Sequence[tuple[dict[str, _Function], bool]], classes: Mapping[str, ast.ClassDef]
) -> tuple[dict[str, _Function], bool]:
    methods: dict[str, _Function] = {}
    for of_base, _ in inherited:
        methods = {**of_base, **methods}
    all_known = not own.keywords and not own.decorator_list and all(known for _, known in inherited)
    for base in own.bases:
        if not (isinstance(base, ast.Name) and (base.id == "object" or classes.get(base.id, own) is not own)):
            all_known = False
    defined_here: set[str] = set()
    for node in _statements(own.body):
        if isinstance(node, _Function):
            if node.name in defined_here:  # in the branches of an `if`, say: which one it will be cannot be known
                methods.pop(node.name, None)
                all_known = False
            else:
                defined_here.add(node.name)
                methods[node.name] = node
        elif not isinstance(node, ast.Expr | ast.Pass | ast.ClassDef) and getattr(node, "value", None) is not None:
            all_known = False  # an assignment may make methods too
        elif isinstance(node, ast.For | ast.While | ast.Match | ast.Import | ast.ImportFrom | ast.Delete):
            all_known = False
    return methods, all_known


def _may_gain_methods(tree: ast.Module) -> bool:
    """``ApiStoreDriver.pull_data = …`` after the class, ``self.pull_data = …`` in it, or ``setattr(…)`` anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in SIGNATURES:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            return True
        if isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__getattribute__"):
            return True
    return False


def _check_arguments(function: _Function, name: str, signature: str, place: str) -> None:
    expected = f"it must be: def {name}({signature})"
    if isinstance(function, ast.AsyncFunctionDef):
        raise DriverSignatureError(f"{place}: '{name}' is async, and nothing awaits it; {expected}")
    decorators = [decorator.id for decorator in function.decorator_list if isinstance(decorator, ast.Name)]
    if len(decorators) < len(function.decorator_list) or set(decorators) - {"staticmethod", "classmethod"}:
        return  # a decorator may change the arguments
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    given = len(signature.split(",")) - (1 if "staticmethod" in decorators else 0)
    least = given - 1 if "deletes_df" in signature else given  # it is optional as long as there are no deletes
    required = len(names) - len(arguments.defaults)
    required_by_name = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    if required > given or (len(names) < least and arguments.vararg is None) or required_by_name:
        found = ast.unparse(arguments)
        raise DriverSignatureError(f"{place}: '{name}({found})' cannot be called as it will be; {expected}")
