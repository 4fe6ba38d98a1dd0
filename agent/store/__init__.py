"""The box's memory: one SQLite file."""
