"""The ``config`` dict of a driver call: the mapping as written, this side's store at its top, and what the run adds."""

from __future__ import annotations

import copy
import os
from typing import Any

from custom_store_pipeline.config.environment import Resolution, resolve
from custom_store_pipeline.config.lineage import SIDES
from custom_store_pipeline.config.loading import LoadedMapping, Side
from custom_store_pipeline.errors import MissingVariableError
from custom_store_pipeline.redaction import Redactor, passwords_in_urls


def driver_config(mapping: LoadedMapping, side: Side, primary_keys: tuple[str, ...], run_id: str) -> dict[str, Any]:
    """A fresh config for one driver call.

    Only this side's store has its ``${…}`` filled in: a driver is not handed the secrets of the other store.

    Args:
        mapping: the mapping.
        side: which of its stores the driver serves.
        primary_keys: of the entity that is called for.
        run_id: Dagster's id of the run.

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
    if not store.get("args"):
        # custom_store_driver.md shows the arguments beside an empty `args:`, and drivers look for them in it.
        store["args"] = {key: copy.deepcopy(store[key]) for key in mapping.store(side).model_extra or {}}
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
        "primary_keys": list(primary_keys),
        "offset": {
            "columns": list(offset.offset_columns),
            "joining_condition": offset.joining_condition,
            "values": {},
        },
        "partition": None,
        "run_id": run_id,
    }


def redactor_of(mapping: LoadedMapping) -> Redactor:
    """Masks the secrets of both of the mapping's stores, as the environment has them now."""
    resolution = Resolution()
    passwords: set[str] = set()
    for side in SIDES:
        store = resolve(mapping.document[side]["store"], os.environ, resolution)
        passwords |= passwords_in_urls(store)
    return Redactor(resolution.secrets | passwords)
