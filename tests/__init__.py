"""The tests; a package, so that no installed distribution's own `tests` can stand in for it in child processes."""
