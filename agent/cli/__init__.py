"""The commands of `hydrosight`."""
