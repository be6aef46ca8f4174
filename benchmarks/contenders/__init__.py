"""The same transfer by others: each a whole process that imports the drivers of ``benchmarks/projects``."""
