"""A Delta table, written from Arrow."""

from pathlib import Path

from deltalake import DeltaTable, write_deltalake

from .clock import arrived, end


class DeltaStoreDriver:
    """Appends to a new table in `args.folder`."""

    def push_arrow(self, config, entity, reader, deletes=None):
        """One commit."""
        folder = config["args"]["folder"]
        path = str(Path(folder) / entity)
        write_deltalake(path, reader, mode="append")
        end(folder)
        arrived(folder, entity, DeltaTable(path).count())
        return True
