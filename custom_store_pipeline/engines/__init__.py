"""Where steps run: Dagster's executors, Dask, Celery, and what long-lived processes cache."""
