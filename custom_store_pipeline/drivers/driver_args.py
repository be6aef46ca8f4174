"""A driver's ``Args``: a pydantic model in its class that says which ``args`` its store takes.

The driver gets ``config["args"]`` as it is written, a plain dict, and makes what it wants of it:
``args = self.Args(**config["args"])``. What is checked here is that this works; so a driver needs nothing of this
package, and one without ``Args`` is called as ever.

Run as a program, this module checks args in a process of its own: ``custom-store validate`` imports no driver.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from custom_store_pipeline.config.entity import Side
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.config.wording import describe
from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.errors import CustomStoreError, DriverSignatureError, Problem, did_you_mean, near
from custom_store_pipeline.redaction import Redactor

Location = tuple[str | int, ...]


class WrongArg(NamedTuple):
    """One thing that is wrong in a store's args.

    Attributes:
        location: where, below ``args``.
        message: what, and what to do.
        at_key: the key itself is wrong, not its value.
    """

    location: Location
    message: str
    at_key: bool = False


def args_model(driver: type[Any]) -> type[BaseModel] | None:
    """The model of a driver's args; None if it has none.

    Raises:
        DriverSignatureError: its ``Args`` is something else.
    """
    found = getattr(driver, "Args", None)
    if found is None or (isinstance(found, type) and issubclass(found, BaseModel)):
        return found
    raise DriverSignatureError(f"{driver.__name__}.Args is not a pydantic model; inherit from pydantic.BaseModel")


def wrong_args(model: type[BaseModel], args: Mapping[str, Any]) -> list[WrongArg]:
    """What is wrong with args. Keys that the model does not know are, unless it says ``extra="allow"`` or "ignore"."""
    names = {name: field.alias for name, field in model.model_fields.items()}
    known = [alias or name for name, alias in names.items()]
    taken = {*known, *(names if model.model_config.get("populate_by_name") else ())}
    found = []
    if "extra" not in model.model_config:
        found = [_unknown(key, known) for key in args if key not in taken]
    try:
        model.model_validate(dict(args))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        found += [_unknown(it["loc"][-1], known) for it in errors if it["type"] == "extra_forbidden"]
        found += [_explained(it, model) for it in errors if it["type"] != "extra_forbidden"]
    return found


def secrets_of(model: type[BaseModel], args: Mapping[str, Any]) -> frozenset[str]:
    """The values of args that are right and that the model calls secret (``SecretStr``)."""
    return frozenset(_secrets(model.model_validate(dict(args))))


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode("utf-8", "replace")
    elif isinstance(value, BaseModel):
        yield from _secrets([item for _, item in value])  # not dict(value): a field may be called `keys`
    elif isinstance(value, Mapping):
        yield from _secrets(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item)


def _unknown(key: Any, known: Sequence[str]) -> WrongArg:
    hint = did_you_mean(str(key), known) or f"; there are: {', '.join(known) or 'none'}"
    return WrongArg((key,), f"the driver's Args have no '{key}'{hint}", at_key=True)


def _explained(error: Any, model: type[BaseModel]) -> WrongArg:
    location: Location = tuple(error["loc"])
    if error["type"] == "missing":
        written = (
            near(str(location[-1]), [str(key) for key in error["input"]]) if isinstance(error["input"], dict) else []
        )
        remedy = f"you wrote '{written[0]}'" if written else "the driver's Args need it; add it"
        return WrongArg(location, f"the key '{location[-1]}' is missing; {remedy}")
    what = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be", 1)
    field = model.model_fields.get(str(location[0])) if location else None
    if field is None or "Secret" in str(field.annotation):  # the value itself is not repeated
        return WrongArg(location, what)
    return WrongArg(location, f"{what}, not {describe(error['input'])}")


def wrong_arg_problem(mapping: LoadedMapping, side: Side, wrong: WrongArg, redactor: Redactor) -> Problem:
    """What is wrong in args, at the place where the store writes them: in ``args``, or beside it."""
    below = ("args",) if mapping.store(side).args else ()
    return mapping.problem((side, "store", *below, *wrong.location), redactor.text(wrong.message), at_key=wrong.at_key)


class ArgsCheck(NamedTuple):
    """What another process found out of a driver.

    Attributes:
        wrong: what is wrong with the args.
        schema: the JSON Schema of its ``Args``; None if it has none.
        failure: why it is not known.
    """

    wrong: tuple[WrongArg, ...] = ()
    schema: dict[str, Any] | None = None
    failure: str = ""


def _checked(driver: DriverVersion, method: str, args: Mapping[str, Any] | None) -> ArgsCheck:
    try:
        model = args_model(load_driver_class(driver, method, Redactor()))
        schema = None if model is None else model.model_json_schema()
        return ArgsCheck(() if model is None or args is None else tuple(wrong_args(model, args)), schema)
    except (CustomStoreError, ValueError) as error:
        return ArgsCheck(failure=str(error))


def _serve() -> None:
    """Reads what to check from the standard input, and writes what was found; what drivers print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests = pickle.load(sys.stdin.buffer)  # noqa: S301  # from projects/typed_args.py, which started this process
    found = [
        _checked(DriverVersion(Path(folder), project, file_name, digest), method, args)
        for folder, project, file_name, digest, method, args in requests
    ]
    json.dump(found, answers)
    answers.close()


if __name__ == "__main__":
    _serve()
