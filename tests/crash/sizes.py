"""How much of each part is tried: by every run of the tests, and by the long form."""

from __future__ import annotations

SEED = 9

KILLS = 30
LONG_KILLS = 1000
POINTS = 40
TOGETHER_POINTS = 16
CUTS = 300
LONG_CUTS = 3000
