"""French and English words of the window, and the command that keeps them up to date."""
