"""Inference engines behind one interface: `base.Backend`."""
