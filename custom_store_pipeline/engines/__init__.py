"""Where steps run: Dagster's executors, steps on Dask, and what long-lived processes cache."""
