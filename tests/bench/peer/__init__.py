"""The engine beside llama.cpp and beside what the machine can do: ``python3 dev.py bench --peer``."""
