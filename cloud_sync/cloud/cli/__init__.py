"""The `hydrosight-cloud` command: one module a group of commands."""
