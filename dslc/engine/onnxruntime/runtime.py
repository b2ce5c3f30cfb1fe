"""ONNX Runtime itself: whether it is there, what it runs on, and how its threads take subnormal numbers.

Nothing else imports ``onnxruntime``, and this only inside of functions, since that takes long and many
commands do without.
"""

from __future__ import annotations

import os
from enum import Enum
from functools import cache
from typing import Any

from dslc.diagnostics import Problem, did_you_mean
from dslc.engine.machine import SUBNORMALS_VARIABLE
from dslc.errors.environment import NO_PROVIDER, NO_RUNTIME, UNKNOWN_PROVIDER

__all__ = [
    "FLUSH_OPTION", "Provider", "available_providers", "choose_provider", "flushes_subnormals",
    "not_loadable", "runtime", "runtime_errors",
]  # fmt: skip

FLUSH_OPTION = "session.set_denormal_as_zero"
SUBNORMAL = 1e-38
"""A number that float32 holds with fewer digits than others, since its exponent can't get lower."""


def runtime() -> Any:
    """Return the module ``onnxruntime``.

    Raises:
        Problem: E0601, it is not installed (or a half-removed one is).
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise _no_runtime(f"ONNX Runtime is installed, but not what it needs: {error.name}") from error
        raise _no_runtime("ONNX Runtime is not installed") from error
    except (ImportError, MemoryError, OSError) as error:
        raise NO_RUNTIME(
            f"ONNX Runtime is installed, but can't be loaded: {error}",
            hint="is there enough memory and address space (ulimit -v)? Else install it anew",
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise _no_runtime("ONNX Runtime is only half there, as after removing one of two of its packages")
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def _no_runtime(message: str) -> Problem:
    return NO_RUNTIME(message, hint='pip install "dslc[cpu]" (or one of dslc[cuda], dslc[directml], dslc[training])')


@cache
def runtime_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that ONNX Runtime raises; they share no base class but ``Exception``."""
    runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (getattr(state, name) for name in dir(state))
    return (RuntimeError, *(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)))


# --- Providers -------------------------------------------------------------------------------


class Provider(Enum):
    """What graphs run on, best first."""

    CUDA = "cuda"
    DIRECTML = "directml"
    CPU = "cpu"

    @property
    def runtime_name(self) -> str:
        """ONNX Runtime's name of the provider."""
        return {"cuda": "CUDAExecutionProvider", "directml": "DmlExecutionProvider", "cpu": "CPUExecutionProvider"}[
            self.value
        ]

    @property
    def device(self) -> str:
        """ONNX Runtime's name of the memory it computes in."""
        return "dml" if self is Provider.DIRECTML else self.value


def available_providers() -> list[Provider]:
    """Return the providers of the installed ONNX Runtime, best first; their drivers may yet be missing."""
    names = runtime().get_available_providers()
    return [provider for provider in Provider if provider.runtime_name in names]


def choose_provider(asked: Provider | str | None = None) -> Provider:
    """Return the provider to run on: the one asked for, or the best that works.

    Raises:
        Problem: E0602, the one asked for is not there; E0603, it does not exist.
    """
    if asked is None:
        return next(provider for provider in available_providers() if _works(provider))
    names = [provider.value for provider in Provider]
    if isinstance(asked, str) and asked not in names:
        raise UNKNOWN_PROVIDER(
            f"there is no provider '{asked}'", hint=did_you_mean(asked, names) or f"it is one of {', '.join(names)}"
        )
    provider = Provider(asked)
    if provider not in available_providers():
        there = ", ".join(p.value for p in available_providers())
        raise NO_PROVIDER(
            f"the provider {provider.value} is not part of the installed ONNX Runtime, which has {there}",
            hint=f'pip uninstall onnxruntime, then pip install "dslc[{provider.value}]"',
        )
    if not _works(provider):
        raise not_loadable(provider)
    return provider


def not_loadable(provider: Provider) -> Problem:
    """Return what to raise for a provider whose libraries or driver are missing."""
    needs = "an NVIDIA driver, CUDA 12 and cuDNN 9" if provider is Provider.CUDA else "Windows with DirectX 12"
    return NO_PROVIDER(
        f"the provider {provider.value} is installed but could not be loaded", hint=f"it needs {needs}; see dslc doctor"
    )


@cache
def _works(provider: Provider) -> bool:
    """Whether a session comes up on the provider, rather than fall back to the processor."""
    if provider is Provider.CPU:
        return True
    if provider is Provider.CUDA and hasattr(runtime(), "preload_dlls"):
        runtime().preload_dlls()  # the libraries of NVIDIA's own packages, if these are installed
    try:
        session = _probe(provider)
    except runtime_errors():
        return False
    return provider.runtime_name in session.get_providers()


# --- Subnormal numbers -----------------------------------------------------------------------


def flushes_subnormals() -> bool:
    """Return whether sessions take subnormal numbers as zero, which they do where the calling thread does.

    A processor takes many times as long over them, and training makes them: a moment decays into them where no gradient
    comes any more, as behind a Relu that has died. ONNX Runtime sets the threads of a session by the session's option,
    but the calling thread, for as long as it lives, by that of a process's first session. So that is for a program to
    choose: with the environment variable DSLC_SUBNORMALS=0, as the command does, the first question makes a small
    session. Where another program was first, or the processor can't, all threads do as the calling thread does: else
    the last bits would depend on which of them computed what.
    """
    if os.environ.get(SUBNORMALS_VARIABLE) == "0":
        _flush_subnormals()
    import numpy as np

    return bool(np.float32(SUBNORMAL) * np.float32(1) == 0)


@cache
def _flush_subnormals() -> None:
    _probe(Provider.CPU)


def _probe(provider: Provider) -> Any:
    """Return a session of one node."""
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "probe", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = runtime().SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry(FLUSH_OPTION, "1")
    return runtime().InferenceSession(model.SerializeToString(), options, providers=[provider.runtime_name])
