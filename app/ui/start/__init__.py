"""What a person meets before the main window: first start and unlocking."""
