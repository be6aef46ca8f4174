"""A projects folder as a whole: its mappings and drivers, its files, and the code version of each entity."""
