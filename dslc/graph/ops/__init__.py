"""The operators of ONNX as functions of typed tensors."""
