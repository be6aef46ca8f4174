"""What it costs to move data with this project, beside what else could be used: ``make bench``."""
