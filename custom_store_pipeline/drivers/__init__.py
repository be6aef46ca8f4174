"""Drivers: what one is, how its source is checked, how it is imported, how its failures read."""
