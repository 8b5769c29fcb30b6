"""The decisions, each a pure function or a small state machine: no I/O, no clock, no randomness."""
