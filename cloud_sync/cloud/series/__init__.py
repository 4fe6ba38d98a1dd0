"""Long signals as few points."""
