"""Layers of PyTorch, forward and backward: for each line of input, a number, runs so often, and prints the seconds.

Arguments: threads, then the kind of layer, steps, examples, features, units and layers. Eager, as PyTorch is used most.
With one thread, seconds are the processor's, which other programs take none of.
"""

from __future__ import annotations

import sys
import time

import torch

threads, kind, *sizes = sys.argv[1:]
steps, examples, features, units, layers = map(int, sizes)
torch.set_num_threads(int(threads))
clock = time.process_time if threads == "1" else time.perf_counter
layer = getattr(torch.nn, kind)(features, units, layers, batch_first=True)
x = torch.randn(examples, steps, features, requires_grad=True)
dy = torch.randn(examples, steps, units)
for line in sys.stdin:
    seconds = []
    for _ in range(int(line)):
        for tensor in (x, *layer.parameters()):
            tensor.grad = None
        started = clock()
        y, _ = layer(x)
        (y * dy).sum().backward()
        seconds.append(clock() - started)
    print(*seconds, flush=True)
