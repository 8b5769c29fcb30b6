"""What winch talks about, in the standard library alone: every floor depends on these words."""
