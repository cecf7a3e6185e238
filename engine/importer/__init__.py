"""The process that takes a model in: caged, for one request. README.md says what it may do."""
