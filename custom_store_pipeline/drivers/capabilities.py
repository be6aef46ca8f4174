"""What a driver says it can do: its class attribute ``capabilities``, read from the source without importing it."""

from __future__ import annotations

import ast

from custom_store_pipeline.drivers.driver_files import DriverSource
from custom_store_pipeline.drivers.static_check import class_attribute
from custom_store_pipeline.errors import DriverSignatureError, did_you_mean

# The contract kit (custom_store_pipeline.testing) finds out which of them hold.
CAPABILITIES: dict[str, str] = {
    "overwrite": "write_mode: overwrite replaces all rows of the entity",
    "append": "write_mode: append adds the rows",
    "upsert": "write_mode: upsert replaces the rows with the same primary keys, and adds the others",
    "deletes": "the rows of deletes_df are removed",
    "soft_deletes": "with delete_mode: soft_delete, the rows of deletes_df stay and get the delete_log_columns",
    "overwrite_atomic": "an overwrite that fails, or is killed, leaves the rows that were there",
    "idempotent_append": "an append that is sent again with the same idempotency_key adds no row twice",
    "new_columns": "a column that the target lacks is added",
    "incremental": "pull_data returns only what is not below the watermarks in config['offset']",
}


def claimed_capabilities(driver: DriverSource) -> frozenset[str] | None:
    """What the driver says it can do; None if it has no attribute ``capabilities``, which says nothing.

    Raises:
        DriverSignatureError: the attribute is not a set of strings that can be read, or has a name that is not known.
    """
    value = class_attribute(driver, "capabilities")
    if value is None:
        return None
    place = f"{driver.shown}:{value.lineno}: capabilities"
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") in ("set", "frozenset") and len(value.args) <= 1:
        value = value.args[0] if value.args else ast.Tuple([])
    try:
        names = list(ast.literal_eval(value))
    except (ValueError, TypeError):
        names = [None]
    if isinstance(value, ast.Constant | ast.Dict) or not all(isinstance(name, str) for name in names):
        raise DriverSignatureError(
            f"{place} must be a set of strings in the class, such as {{'overwrite', 'upsert'}}, because it is read "
            "without importing the driver"
        )
    for name in names:
        if name not in CAPABILITIES:
            there = f"there are: {', '.join(CAPABILITIES)}"
            raise DriverSignatureError(f"{place}: '{name}' is not known{did_you_mean(name, CAPABILITIES)}; {there}")
    return frozenset(names)
