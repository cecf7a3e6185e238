"""The application on the command line, without any Qt import."""
