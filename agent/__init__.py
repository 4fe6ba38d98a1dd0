"""The daemon on the box and its CLI: the only place on the edge that puts the parts together."""
