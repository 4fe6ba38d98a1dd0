"""Numbers computed from a window."""
