"""The engine's own process. Importing this package imports nothing else, so that its cage comes first."""
