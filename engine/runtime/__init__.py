"""Running a model: sessions, scheduling, sampling, the reading and the answering loop."""
