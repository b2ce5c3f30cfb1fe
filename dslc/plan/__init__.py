"""The checked program as plain data: what every later stage is given."""
