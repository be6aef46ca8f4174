"""Deletions: the primary keys that were pushed, compared with those that a pull has now."""
