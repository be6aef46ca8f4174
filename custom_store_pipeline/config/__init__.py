"""Mapping files: their dialect, how they are read, checked and laid side by side."""
