"""Conversations: evidence, prompts, quote checks, graded answers."""
