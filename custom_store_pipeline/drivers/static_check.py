"""Checks a driver from its source, without importing it.

What the source does not show for sure (a method that is assigned, decorated, or inherited from another file; a class
that is imported or defined in a branch) is taken to be right. The driver's import, or its call, finds what is wrong
with it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    "push_arrow": "self, config, entity, reader, deletes=None",
    "list_entities": "self, config",
    "check": "self, config",
    "close": "self",
}
# Not check and list_entities, which only commands of the same names call: a driver may have helpers called so.
_OPTIONAL = ("pull_keys", "fingerprint", "push_chunks", "push_arrow", "close")
# A driver that takes Arrow is never called with pandas.
_INSTEAD = {"push_data": "push_arrow"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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
    classes = _classes(tree)
    own = classes.get(driver.class_name)
    if own is None:
        _check_class_may_exist(driver, tree)
        return
    place = f"{driver.shown}:{own.lineno}: class {own.name}"
    lineage = _lineage(own, classes)
    names = {name for bindings in lineage.values() for name in bindings}
    if (
        method not in names
        and _INSTEAD.get(method) not in names
        and _is_complete([classes[name] for name in lineage], tree)
    ):
        misspelt = near(method, names - SIGNATURES.keys())
        remedy = f"rename '{misspelt[0]}', or add" if misspelt else "add"
        raise DriverSignatureError(f"{place} has no method '{method}'; {remedy}: def {method}({SIGNATURES[method]})")
    for name in ("__init__", method, *_OPTIONAL):
        function = _plain_method(name, lineage, classes)
        if function is not None:
            _check_arguments(function, SIGNATURES.get(name, "self"), place)


def defines(driver: DriverSource, method: str) -> bool:
    """Whether the source shows that the driver's class has a method; False where it does not show it."""
    classes = _shown_classes(driver)
    own = classes.get(driver.class_name)
    return own is not None and any(method in bindings for bindings in _lineage(own, classes).values())


def class_attribute(driver: DriverSource, name: str) -> ast.expr | None:
    """What the class statement assigns to a name, in the class or in a base that the file shows; None if nothing."""
    classes = _shown_classes(driver)
    own = classes.get(driver.class_name)
    for base in _lineage(own, classes) if own else ():
        for node in reversed(classes[base].body):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if isinstance(node, ast.Assign | ast.AnnAssign) and any(getattr(it, "id", "") == name for it in targets):
                return node.value
    return None


def _shown_classes(driver: DriverSource) -> dict[str, ast.ClassDef]:
    """The classes that the driver's file shows; none if it cannot be read, which is a problem of its own."""
    try:
        return _classes(parse(driver.path.read_bytes()))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return {}


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


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """The classes that the module defines once, and not in a branch."""
    count = Counter(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef) and count[node.name] == 1}


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


def _lineage(own: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> dict[str, Counter[str]]:
    """The class, and those of its bases, and of theirs, that the file shows, by name: what each of them binds."""
    found = {own.name: _bindings(own)}
    waiting = [own]
    while waiting:
        for base in waiting.pop().bases:
            if isinstance(base, ast.Name) and base.id in classes and base.id not in found:
                found[base.id] = _bindings(classes[base.id])
                waiting.append(classes[base.id])
    return found


def _at_class_level(own: ast.ClassDef) -> Iterator[ast.AST]:
    """What the class statement runs, in branches too; not what is inside of its methods and of other classes."""
    waiting: list[ast.AST] = [*own.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _bindings(own: ast.ClassDef) -> Counter[str]:
    """How often the class statement binds each name, in branches and by assignments too."""
    names: Counter[str] = Counter()
    for node in _at_class_level(own):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            names[node.name] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] += 1
        elif isinstance(node, ast.alias):
            names[node.asname or node.name] += 1
    return names


def _is_complete(lineage: Sequence[ast.ClassDef], tree: ast.Module) -> bool:
    """Whether a class can have no other methods than the class statements of its lineage show."""
    if any(own.keywords or own.decorator_list for own in lineage):
        return False
    known = {"object", *(own.name for own in lineage)}
    bases = [base for own in lineage for base in own.bases]
    if not all(isinstance(base, ast.Name) and base.id in known for base in bases):
        return False
    if any(_calls(node, "exec", "locals", "vars") for own in lineage for node in _at_class_level(own)):
        return False
    for node in ast.walk(tree):
        # `ApiStoreDriver.pull_data = …` after the class, `self.pull_data = …` in it, or `setattr(…)` anywhere.
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in SIGNATURES:
            return False
        if _calls(node, "setattr"):
            return False
        if isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__getattribute__"):
            return False
    return True


def _calls(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _plain_method(
    name: str, lineage: Mapping[str, Counter[str]], classes: Mapping[str, ast.ClassDef]
) -> _Function | None:
    """The method, if it is known for sure which it is: bound once, not in a branch, and by one base at most."""
    binding = [own for own, bindings in lineage.items() if name in bindings]
    is_own = binding[:1] == list(lineage)[:1]
    if not binding or (len(binding) > 1 and not is_own) or lineage[binding[0]][name] > 1:
        return None
    found = [node for node in classes[binding[0]].body if isinstance(node, _FUNCTIONS) and node.name == name]
    return found[0] if found else None


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
    least = given - 1 if "deletes" in signature else given  # it is optional as long as there are no deletes
    required = len(names) - len(arguments.defaults)
    required_by_name = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    if required > given or (len(names) < least and arguments.vararg is None) or required_by_name:
        found = ast.unparse(arguments)
        raise DriverSignatureError(f"{place}: '{name}({found})' cannot be called as it will be; {expected}")
