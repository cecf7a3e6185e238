"""What every room may stand on: paths, settings, errors, ids, events, time and the log."""
