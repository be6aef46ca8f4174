"""What is remembered of an entity between runs: watermarks, the driver's own state, and which keys were pushed.

Knows nothing of Dagster: what is remembered goes in and comes out as plain data (:mod:`.remembered`).
"""
