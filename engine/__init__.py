"""The inference engine: a process of its own that reads texts and writes answers with a `gla_swa` model."""
