"""From the centre's windows and labels to recordings."""
