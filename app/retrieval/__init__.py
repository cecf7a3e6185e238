"""Full-text search and ranking of passages inside the encrypted database."""
