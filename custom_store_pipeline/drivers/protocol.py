"""What a driver is: one small class, with nothing to inherit from.

A class that does inherit from a protocol must define its methods: our stub must not pass for a push.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class PullDriver(Protocol):
    """A driver that entities can be read through. Source: docs/custom_store_driver.md, "Function Requirements"."""

    @abstractmethod
    def pull_data(self, mapping_config: dict[str, Any], entity: str) -> Any:
        """Fetches one entity.

        Args:
            mapping_config: the mapping's settings, a fresh dict for each call; see docs/drivers.md.
            entity: the entity's name in this store.

        Returns:
            The data: a DataFrame, an Arrow stream, a list of dicts, bytes, text or a path in ``data_format``, an
            iterable of these (chunks), ``(data, deletes)``, or :class:`~custom_store_pipeline.Pulled`.
        """
        ...


class PushDriver(Protocol):
    """A driver that entities can be written through."""

    @abstractmethod
    def push_data(
        self, config: dict[str, Any], entity: str, df: pd.DataFrame, deletes_df: pd.DataFrame | None = None
    ) -> Any:
        """Writes one entity.

        Args:
            config: the mapping's settings, a fresh dict for each call; see docs/drivers.md.
            entity: the entity's name in this store.
            df: the rows to write, possibly none.
            deletes_df: the rows to delete, or None when there are none.

        Returns:
            The status: True or values for the materialization; False, or a dict with ``success: False`` or
            ``status: "failed"``, when it failed.
        """
        ...


class ChunkedPushDriver(PushDriver, Protocol):
    """A driver that takes an entity chunk by chunk, so that it is never held in memory as a whole."""

    @abstractmethod
    def push_chunks(
        self,
        config: dict[str, Any],
        entity: str,
        chunks: Iterator[pd.DataFrame],
        deletes_df: pd.DataFrame | None = None,
    ) -> Any:
        """Writes all chunks of one entity in one call, in one transaction if it can.

        A transfer that failed half-way is retried from its first chunk, so without a transaction this should be an
        upsert. All chunks must be taken.
        """
        ...


class ArrowPushDriver(Protocol):
    """A driver that takes an entity as Arrow, which then never becomes pandas. It needs no ``push_data``."""

    @abstractmethod
    def push_arrow(
        self, config: dict[str, Any], entity: str, reader: pa.RecordBatchReader, deletes: pa.Table | None = None
    ) -> Any:
        """Writes one entity in one call, in one transaction if it can.

        A transfer that failed half-way is retried from its first batch, so without a transaction this should be an
        upsert. All batches must be taken.

        Args:
            config: the mapping's settings, a fresh dict for each call; see docs/drivers.md.
            entity: the entity's name in this store.
            reader: the rows to write, possibly none; all batches have the reader's schema, and are pulled when asked
                for.
            deletes: the rows to delete, or None when there are none.

        Returns:
            As ``push_data``.
        """
        ...
