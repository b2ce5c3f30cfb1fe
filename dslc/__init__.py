"""dslc: a compiler for declarative model specs, from a page of text to a trained ONNX model."""

__version__ = "0.1.0"
