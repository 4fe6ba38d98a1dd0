"""How this very machine looks when it is healthy, by what it is doing, and how far a window is from that."""
