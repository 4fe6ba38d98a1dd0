"""`hydrosight-train`: train a model, evaluate a bundle, run evaluation protocols. One file a command."""
