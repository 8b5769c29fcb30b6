"""The work itself: policies decide, adapters act, and this floor brings the two together."""
