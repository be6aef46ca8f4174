"""The delete guard: a source that lacks too many keys may be broken, so nothing is pushed."""

from __future__ import annotations

from custom_store_pipeline.errors import TooManyDeletesError


def check_deletes(deletes: int, known: int, *, pulled: int, max_fraction: float) -> None:
    """Refuses to delete more than a share of the known keys.

    Args:
        deletes: how many known keys were not pulled.
        known: how many keys the target may have.
        pulled: how many keys were pulled.
        max_fraction: ``max_delete_fraction``, from 0 to 1.

    Raises:
        TooManyDeletesError: the share is larger.
    """
    if deletes > max_fraction * known:
        raise TooManyDeletesError(
            f"{deletes:,} of {known:,} known keys ({deletes / known:.0%}) are not among the {pulled:,} that were "
            f"pulled, and max_delete_fraction is {max_fraction:g}; nothing was pushed. Find out why the source lacks "
            "them; if they were deleted there, raise max_delete_fraction for one run (1 allows all)"
        )
