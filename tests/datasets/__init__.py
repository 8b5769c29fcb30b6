"""Data sets against real servers: what fails, is killed, changes or is wrong costs only itself.

`python -m tests.datasets --long` is the whole of it, the tests here are its small form.
"""
