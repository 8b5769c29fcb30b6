"""The parts of the main screen: each draws one thing and redraws only what changed."""
