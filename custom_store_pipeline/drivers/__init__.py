"""Drivers: what a driver is, how it is checked, imported and called, and how its failures are shown."""
