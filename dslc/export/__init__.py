"""What is shipped: inference graphs with the trained weights inside."""

from dslc.export.inference import InferenceModel, inference_models

__all__ = ["InferenceModel", "inference_models"]
