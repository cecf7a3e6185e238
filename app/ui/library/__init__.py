"""The left pane: dossiers, their documents, what was not taken in, how far the reading is."""
