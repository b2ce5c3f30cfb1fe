"""Graphs that anybody may have made: each call of the runtime ends, in bounded memory and time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from dslc.engine.onnxruntime.runtime import runtime, runtime_errors
from dslc.errors.runs import BEYOND_BOUNDS

__all__ = ["BoundedSession", "within_bounds"]

SECONDS = 60.0
"""How long one call may take: making a session, or running a batch."""
GRACE = 5.0
"""Seconds for the runtime to stop between two nodes; within one it cannot."""
SHARE = 0.75
"""How much of the memory that is free one call may take."""
HINT = "if you trust whoever made it, say --trust"

Result = TypeVar("Result")


def within_bounds(title: str, work: Callable[[], Result], stop: Callable[[], None] = lambda: None) -> Result:
    """Call the runtime in a thread of its own; return what it returns.

    Args:
        title: what messages call the graph.
        work: the call.
        stop: asks it to end.

    Raises:
        Problem: E0636, it took too much memory or time. A call that does not stop goes on in the background to the
            end of its node.
    """
    results: list[Result] = []
    failures: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            failures.append(error)

    thread = threading.Thread(target=call, name="dslc-bounded", daemon=True)
    with _memory_bounded():
        thread.start()
        thread.join(SECONDS)
        late = thread.is_alive()
        if late:
            stop()
            thread.join(GRACE)
    if late:
        raise BEYOND_BOUNDS(f"{title} takes more than {SECONDS:g} seconds for one batch", hint=HINT)
    if failures:
        if _is_full(failures[0]):
            raise BEYOND_BOUNDS(f"{title} takes more memory than {SHARE:.0%} of what is free", hint=HINT) from None
        raise failures[0]
    return results[0]


def _is_full(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower() if isinstance(error, runtime_errors()) else ""
    return any(sign in text for sign in ("bad_alloc", "bad allocation", "failed to allocate", "alloc failed"))


@contextmanager
def _memory_bounded() -> Iterator[None]:
    """Bound what this process may take on, where the system can (Linux): what is beyond it fails to be allocated."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + int(SHARE * _free_memory())
    except (ImportError, OSError, ValueError, StopIteration):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    known = [most, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(known), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _free_memory() -> int:
    """Return the bytes of memory that this process can have without harm to others, in a container those left to it."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    group = Path("/sys/fs/cgroup")
    try:
        left = int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # there is no container, or it has no limit ("max")
        return free
    return max(0, min(free, left))


class BoundedSession:
    """An ``InferenceSession`` of a graph from elsewhere, of which each run is bounded.

    Raises:
        Problem: E0636, on construction or by a run.
    """

    def __init__(self, title: str, make: Callable[[], Any]) -> None:
        self._title = title
        self._session = within_bounds(title, make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Any]) -> Any:
        """Run on arrays; see ``InferenceSession``."""
        return self._bounded(lambda options: self._session.run(names, feeds, options))

    def run_with_iobinding(self, binding: Any) -> None:
        """Run on buffers; see ``InferenceSession``."""
        self._bounded(lambda options: self._session.run_with_iobinding(binding, options))

    def _bounded(self, call: Callable[[Any], Result]) -> Result:
        options = runtime().RunOptions()

        def stop() -> None:
            options.terminate = True

        return within_bounds(self._title, lambda: call(options), stop)
