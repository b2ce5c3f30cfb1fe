"""From the plan to graphs: the training step, evaluation, fields, inference, and the artifacts made of them."""
