"""The transfer of entities from store to store: retries, timeouts, concurrency, isolation."""
