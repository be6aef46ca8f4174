"""The ``config`` dict of a driver call: the mapping as written, this side's store at its top, and what the run adds."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from custom_store_pipeline.config.entity import SIDES, Entity, Side
from custom_store_pipeline.config.environment_variables import Resolution, resolve
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import MissingVariableError
from custom_store_pipeline.redaction import Redactor, passwords_in_urls


@dataclass(frozen=True)
class RunValues:
    """What a run adds to the config of the calls for one entity.

    Attributes:
        run_id: Dagster's id of the run.
        idempotency_key: the same as long as the same entity (and partition) is sent from the same state.
        watermarks: the offset columns' values that were reached before; empty for a load from the beginning.
        state: what the source's driver returned as ``Pulled(state=…)`` before, or None.
    """

    run_id: str
    idempotency_key: str
    watermarks: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None


def driver_config(mapping: LoadedMapping, side: Side, entity: Entity, run: RunValues) -> dict[str, Any]:
    """A fresh config for one driver call.

    Only this side's store has its ``${…}`` filled in: a driver is not handed the secrets of the other store.

    Args:
        mapping: the mapping.
        side: which of its stores the driver serves.
        entity: the entity that is called for.
        run: what the run adds.

    Returns:
        A dict of plain Python that shares nothing with any other call's.

    Raises:
        MissingVariableError: a ``${NAME}`` without default is not set; names every such place in the YAML.
    """
    resolution = Resolution()
    store = resolve(mapping.document[side]["store"], os.environ, resolution)
    if resolution.missing:
        raise MissingVariableError(
            mapping.problem(
                (side, "store", *path),
                f"the environment variable {name} is not set; set it, or give it a default: ${{{name}:-…}}",
            )
            for path, name in resolution.missing
        )
    store["args"] = args_of(mapping, side, store)
    document = copy.deepcopy(mapping.document)
    document[side]["store"] = copy.deepcopy(store)
    offset = mapping.config.from_.offset
    return {
        **{key: value for key, value in document.items() if key not in ("from", "to")},
        "data_format": copy.deepcopy(mapping.document["from"].get("data_format") or {}),
        **store,
        "from": document["from"],
        "to": document["to"],
        "write_mode": mapping.config.write_mode,
        "delete_mode": mapping.config.delete_mode,
        "primary_keys": list(entity.primary_keys),
        "offset": {
            "columns": list(offset.offset_columns),
            "joining_condition": offset.joining_condition,
            "values": copy.deepcopy(dict(run.watermarks)),
        },
        "state": copy.deepcopy(run.state),
        "partition": None if entity.partition is None else asdict(entity.partition),
        "run_id": run.run_id,
        "idempotency_key": run.idempotency_key,
    }


def args_of(mapping: LoadedMapping, side: Side, store: Mapping[str, Any]) -> dict[Any, Any]:
    """What a driver finds as ``config["args"]``.

    docs/custom_store_driver.md shows the arguments beside an empty ``args:``, and drivers look for them in it.

    Args:
        mapping: the mapping.
        side: which of its stores is meant.
        store: the store with its ``${…}`` filled in.
    """
    beside = {key: copy.deepcopy(store[key]) for key in mapping.store(side).model_extra or {}}
    return store.get("args") or beside


def redactor_of(mapping: LoadedMapping) -> Redactor:
    """Masks the secrets of both of the mapping's stores, as the environment has them now."""
    resolution = Resolution()
    passwords: set[str] = set()
    for side in SIDES:
        store = resolve(mapping.document[side]["store"], os.environ, resolution)
        passwords |= passwords_in_urls(store)
    return Redactor(resolution.secrets | passwords)
