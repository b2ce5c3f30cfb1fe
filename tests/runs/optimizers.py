"""Every optimizer as a spec writes it, set to learn within a few epochs of the small specs here."""

from __future__ import annotations

OPTIMIZERS = {
    "SGD": "SGD(lr = 0.1, momentum = 0.9)",
    "ASGD": "ASGD(lr = 0.3, t0 = 10)",
    "Rprop": "Rprop(lr = 0.01, etas = [0.7, 1.1])",
    "Adam": "Adam(lr = 0.05)",
    "AdamW": "AdamW(lr = 0.05)",
    "RMSprop": "RMSprop(lr = 0.01)",
    "Adagrad": "Adagrad(lr = 0.1)",
    "Adadelta": "Adadelta(eps = 1e-3)",
    "Ftrl": "Ftrl(lr = 0.3, l1 = 1e-3)",
    "Adamax": "Adamax(lr = 0.05)",
    "NAdam": "NAdam(lr = cosine(0.05))",
    "RAdam": "RAdam(lr = 0.1)",
    "Lion": "Lion(lr = 0.01)",
    "Adan": "Adan(lr = 0.1)",
    "LARS": "LARS(lr = 3, momentum = 0.9, trust_coeff = 0.01)",
    "LAMB": "LAMB(lr = 0.05)",
    "Adafactor": "Adafactor(lr = 0.1)",
    "Muon": "Muon(lr = 0.05, others = NAdam(lr = warmup(4) then constant(0.05)))",
    "ScheduleFreeSGD": "ScheduleFreeSGD(lr = 0.5, warmup_steps = 5)",
    "ScheduleFreeAdamW": "ScheduleFreeAdamW(lr = 0.05)",
    "Prodigy": "Prodigy(d0 = 1e-3, lr = linear(1.0, 0.5))",
    "SAM": "SAM(Adam(lr = 0.05), rho = 0.1)",
    "Lookahead": "Lookahead(SGD(lr = cosine(0.4), momentum = 0.9), k = 3)",
}
EVALUATED = ["ASGD", "ScheduleFreeSGD", "ScheduleFreeAdamW", "Lookahead"]
"""Those that say which weights are evaluated."""
