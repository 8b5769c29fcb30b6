"""`*_screen.py` stands alone, `*_dialog.py` lies over one; `action_*` is what a key does."""
