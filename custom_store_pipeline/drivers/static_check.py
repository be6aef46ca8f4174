"""Checks a driver from its source, without importing it.

What the source does not show for sure (an inherited, assigned or decorated method, a class that is imported or defined
in a branch) is taken to be right. The driver's import, or its call, finds what is wrong with it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from custom_store_pipeline.drivers.driver_files import DriverSource, parse, read_sources
from custom_store_pipeline.errors import DriverNotFoundError, DriverSignatureError, near

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

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_driver(driver: DriverSource, method: str, sources: Mapping[Path, bytes] | None = None) -> None:
    """Checks that the driver has its class, and that the class has a method as it will be called.

    Args:
        driver: the driver.
        method: a method that the driver needs, such as ``pull_data``.
        sources: its sources, if they are not to be read.

    Raises:
        DriverNotFoundError: the file, or a module that it imports, is not Python; or it does not define the class.
        DriverSignatureError: the method is missing, or it or an optional method takes other arguments.
    """
    sources = read_sources(driver) if sources is None else sources
    trees = {path: _checked_tree(driver, path, source) for path, source in sources.items()}
    tree = trees[driver.path]
    own = _class(tree, driver.class_name)
    if own is None:
        _check_class_may_exist(driver, tree)
        return
    place = f"{driver.shown}:{own.lineno}: class {own.name}"
    names = _names(own)
    if method not in names and _is_complete(own, tree):
        misspelt = near(method, names - SIGNATURES.keys())
        remedy = f"rename '{misspelt[0]}', or add" if misspelt else "add"
        raise DriverSignatureError(f"{place} has no method '{method}'; {remedy}: def {method}({SIGNATURES[method]})")
    for function in _plain_methods(own):
        if function.name in ("__init__", method, *_OPTIONAL):
            _check_arguments(function, SIGNATURES.get(function.name, "self"), place)


def defines(driver: DriverSource, method: str) -> bool:
    """Whether the source shows that the driver's class has a method; False where it does not show it."""
    try:
        tree = parse(driver.path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return False
    own = _class(tree, driver.class_name)
    return own is not None and method in _names(own)


def _checked_tree(driver: DriverSource, path: Path, source: bytes) -> ast.Module:
    try:
        return parse(source)
    except (RecursionError, MemoryError) as error:
        problem = f"{driver.shown_path(path)} cannot be read: {type(error).__name__}"
        raise DriverNotFoundError(f"{problem}; fix the driver's file") from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        problem = f"{driver.shown_path(path)}:{line}: not valid Python: {getattr(error, 'msg', None) or error}"
        raise DriverNotFoundError(f"{problem}; fix the driver's file") from None


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    """The class, if the module defines it once, and not in a branch."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    return found[0] if len(found) == 1 and found[0] in tree.body else None


def _check_class_may_exist(driver: DriverSource, tree: ast.Module) -> None:
    """Refuses a module that cannot have the class: neither a class in a branch, nor an import, nor an assignment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias) and (node.asname or node.name) in (driver.class_name, "*"):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == driver.class_name:
            return
        if isinstance(node, ast.ClassDef) and node.name == driver.class_name:
            return
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    found = f"it defines {', '.join(classes)}" if classes else "it defines no class"
    raise DriverNotFoundError(
        f"no class '{driver.class_name}' in {driver.shown}; {found}; "
        "the class must be named after the file, in PascalCase, so rename the class or the file"
    )


def _names(own: ast.ClassDef) -> set[str]:
    """The names that the class statement binds, in branches and by assignments too."""
    names: set[str] = set()
    for node in ast.walk(own):
        if isinstance(node, _Function):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return names


def _is_complete(own: ast.ClassDef, tree: ast.Module) -> bool:
    """Whether the class can have no other methods than its class statement shows."""
    bases = [base for base in own.bases if not (isinstance(base, ast.Name) and base.id == "object")]
    if bases or own.keywords or own.decorator_list:
        return False
    for node in ast.walk(tree):
        # `ApiStoreDriver.pull_data = …` after the class, `self.pull_data = …` in it, or `setattr(…)` anywhere.
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in SIGNATURES:
            return False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            return False
        if isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__getattribute__"):
            return False
    return True


def _plain_methods(own: ast.ClassDef) -> list[_Function]:
    """The methods that are defined once, and not in a branch."""
    functions = [node for node in own.body if isinstance(node, _Function)]
    bound = [node.name for node in ast.walk(own) if isinstance(node, _Function)]
    bound += [node.id for node in ast.walk(own) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return [function for function in functions if bound.count(function.name) == 1]


def _check_arguments(function: _Function, signature: str, place: str) -> None:
    name, arguments = function.name, function.args
    expected = f"it must be: def {name}({signature})"
    if isinstance(function, ast.AsyncFunctionDef):
        raise DriverSignatureError(f"{place}: '{name}' is async, and nothing awaits it; {expected}")
    decorators = [decorator.id for decorator in function.decorator_list if isinstance(decorator, ast.Name)]
    if len(decorators) < len(function.decorator_list) or set(decorators) - {"staticmethod", "classmethod"}:
        return  # a decorator may change the arguments
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
