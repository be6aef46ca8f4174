"""The state of an entity between runs: watermarks, the driver's own state, and which keys were pushed.

Knows nothing of Dagster: state goes in and comes out as plain data (:mod:`.entity_state`).
"""
