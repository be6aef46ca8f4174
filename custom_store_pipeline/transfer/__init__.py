"""Entities on their way from store to store: retries, timeouts, concurrency, isolation. Knows nothing of Dagster."""
