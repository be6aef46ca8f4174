"""Data: whatever a driver returns, decoded and turned into DataFrames without changing a value."""
