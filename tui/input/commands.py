"""Which commands there are, each with its line in the overview and its options: declared once.

For the parser, the help and the completions of the shell's command line and of the verb line. They
stand in the overview in the order in which they enter.
"""

from __future__ import annotations

# isort: off
from tui.input import download_commands  # noqa: F401 - they enter, in this order
from tui.input import collection_commands  # noqa: F401
from tui.input import watch_commands  # noqa: F401
from tui.input import upkeep_commands  # noqa: F401

# isort: on
from tui.input.command_table import COMMANDS, Command

__all__ = ["COMMANDS", "Command"]
