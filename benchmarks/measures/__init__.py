"""What is measured beside training steps: each module has one function that returns plain figures."""
