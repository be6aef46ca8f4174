"""The command ``custom-store``."""
