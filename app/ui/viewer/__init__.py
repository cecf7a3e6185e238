"""The right pane: the pages of the opened documents, with the words an answer rests on."""
