"""Models: configuration, files, conversion, tokenizer and chat template of the `gla_swa` family."""
