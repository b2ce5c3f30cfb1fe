"""Why a training met a number that is not finite: the step, the expression and the cause."""
