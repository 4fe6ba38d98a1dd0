"""Feature set `physics-1`: what each component does against what physics and its nameplate say it should."""
