"""What specs/digits.dl says, in PyTorch, up to the first training step: prints the time of day then. Argument: CSV."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from torch import nn

table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
order = np.random.default_rng(1).permutation(len(table))[: len(table) * 7 // 10]
image, label = torch.from_numpy(table[order, :64] / 16), torch.from_numpy(table[order, 64].astype(np.int64))
layers: list[nn.Module] = []
for width in (64, 128):
    layers += [nn.Linear(width, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3)]
model = nn.Sequential(*layers, nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40 * len(order) // 32, 1e-5)
rows = torch.randperm(len(order))[:32]
loss = nn.functional.cross_entropy(model(image[rows]), label[rows])
optimizer.zero_grad()
loss.backward()
optimizer.step()
schedule.step()
print(f"first step at {time.time()}", file=sys.stderr)
