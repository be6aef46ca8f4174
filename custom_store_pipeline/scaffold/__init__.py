"""What ``custom-store init`` and ``custom-store new`` write: the templates, which are real files, and their copies."""
