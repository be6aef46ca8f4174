"""Mapping files: their keys, how they are read, checked and compared with each other."""
