"""Nothing is lost: winch under kill -9, failing system calls and power cuts.

`python -m tests.crash --long` is the whole proof with figures; pytest runs a sample of each part.
"""
