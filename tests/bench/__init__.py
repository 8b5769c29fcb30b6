"""How fast winch is beside others: `python -m tests.bench`. Never collected or timed by pytest."""
