"""The torch model: layers, UniversalTemporalGNN, export to ONNX."""
