"""The headless commands: an interface that others script; nothing here loads textual."""
