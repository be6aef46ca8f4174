"""All that is Dagster: assets, steps, I/O managers, state in the event log, schedules and sensors."""
