"""Names, arguments, expressions and blocks: what every part of a spec is checked with."""
