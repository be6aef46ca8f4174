"""A folder of CSV files as a source."""

from pathlib import Path

from custom_store_pipeline import TerminalError


class FilesStoreDriver:
    """An entity is a file of the folder that `args: {folder: …}` names."""

    def pull_data(self, mapping_config, entity):
        """The path of the entity's file; `data_format: {type: csv}` in the mapping says how it is read."""
        folder = Path(mapping_config["args"]["folder"])
        path = folder / f"{entity}.csv"
        if not path.exists():
            there = ", ".join(sorted(file.stem for file in folder.glob("*.csv"))) or "none"
            raise TerminalError(f"{path} does not exist; entities with a file in {folder}: {there}")
        return path
