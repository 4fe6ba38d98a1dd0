"""The signed repository of models and settings."""
