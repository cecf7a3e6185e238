"""The engine beside llama.cpp on this machine, and beside what the machine can do: ``dev.py bench --peer``."""
