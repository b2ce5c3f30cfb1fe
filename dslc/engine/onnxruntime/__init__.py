"""ONNX Runtime as the engine: sessions, buffers and providers."""
