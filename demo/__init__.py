"""The whole way of the data on one machine: real processes, real protocols, a real database, a replayed real rig."""
