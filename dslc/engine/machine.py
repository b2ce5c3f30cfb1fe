"""The machine: how many cores a process may use, which threads go where, and what its processor can do."""

from __future__ import annotations

import os
from pathlib import Path

from dslc.errors.environment import BAD_THREADS

__all__ = [
    "SUBNORMALS_VARIABLE", "has_unlike_cores", "physical_cores", "places_of_workers", "processor_features",
    "thread_count",
]  # fmt: skip

SUBNORMALS_VARIABLE = "DSLC_SUBNORMALS"
"""The environment variable that is 0 where numbers too small for all of their digits may count as zero."""

THREADS_VARIABLE = "DSLC_THREADS"
DEVICES = Path("/sys/devices")
"""Where Linux tells what the processors are."""
FEATURES = frozenset({
    "amx_bf16", "amx_int8", "amx_tile", "asimd", "asimddp", "asimdhp", "avx", "avx2", "avx512_bf16",
    "avx512_fp16", "avx512_vnni", "avx512bw", "avx512dq", "avx512f", "avx512vl", "avx_vnni", "bf16", "f16c",
    "fma", "fphp", "i8mm", "sse4_1", "sse4_2", "sve", "sve2",
})  # fmt: skip
"""The processor features, as Linux names them, that select kernels and so decide over the last bits."""


def physical_cores() -> int:
    """Return the number of cores that this process may use; hardware threads of one core count once.

    Where the operating system does not tell cores from hardware threads (other than Linux), these are counted.
    """
    cores = len(_cores()) or os.cpu_count() or 1
    return min(cores, _quota() or cores)


def places_of_workers(threads: int) -> list[list[int]]:
    """Return the processors, by number, on which to keep each thread that computes besides the main one.

    Only threads that fill all cores have places: left to itself, the operating system now and then starts two of
    them on one core, and for a while a small graph takes half as long again. Fewer threads than cores are free to
    go where other programs are not: none are returned.
    """
    cores = _cores()
    return cores[1:] if threads == len(cores) else []


def _cores() -> list[list[int]]:
    """Return the processors (hardware threads) of each core that this process may use; none where that is unknown."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores: dict[tuple[str, ...], list[int]] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        cores.setdefault(_core(cpu), []).append(cpu)
    return list(cores.values())


def _core(cpu: int) -> tuple[str, ...]:
    topology = DEVICES / f"system/cpu/cpu{cpu}/topology"
    try:
        return tuple((topology / name).read_text().strip() for name in ("physical_package_id", "core_id"))
    except OSError:
        return (str(cpu),)


def has_unlike_cores() -> bool:
    """Return whether there are fast cores and slow ones, as far as Linux tells."""
    capacities = {path.read_text() for path in DEVICES.glob("system/cpu/cpu[0-9]*/cpu_capacity")}
    return len(capacities) > 1 or (DEVICES / "cpu_atom").exists()


def _quota() -> int | None:
    """Return the whole cores that a container's time quota amounts to."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))


MOST_THREADS = 4096


def thread_count(asked: int | None = None) -> int:
    """Return the number of threads to compute with: as asked, else from DSLC_THREADS, else the cores.

    Raises:
        Problem: E0611, the number is not a positive whole one.
    """
    text = str(asked) if asked is not None else os.environ.get(THREADS_VARIABLE, "")
    if not text:
        return physical_cores()
    hint = f"this machine has {physical_cores()} cores"
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        raise BAD_THREADS(f"'{text}' is not a number of threads", hint=hint)
    if len(text) > 9 or int(text) > MOST_THREADS:
        raise BAD_THREADS(f"at most {MOST_THREADS:,} threads can be asked for, not {text}", hint=hint)
    return int(text)


def processor_features() -> list[str]:
    """Return those features of the processor that decide which kernels run, sorted."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return sorted(FEATURES.intersection(value.split()))
    return []
