"""The centre pane: questions, answers with their grades and citations, and the search results."""
