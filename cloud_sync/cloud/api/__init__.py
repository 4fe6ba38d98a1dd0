"""The centre's HTTP service: one module a group of routes."""
