"""Windows that come over the main one: settings, models, help, questions, the crash report."""
