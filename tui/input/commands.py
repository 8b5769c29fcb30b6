"""Which commands there are, each with its line in the overview and its options: declared once.

For the parser, the help and the completions of the shell's command line and of the verb line. They
stand in the overview in the order in which they enter.
"""

from __future__ import annotations

from tui.input import download_commands, upkeep_commands  # noqa: F401 - they enter
from tui.input.command_table import COMMANDS, Command

__all__ = ["COMMANDS", "Command"]
