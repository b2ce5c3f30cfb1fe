"""Schedules: values that change with the number of updates done."""
