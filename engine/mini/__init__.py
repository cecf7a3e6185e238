"""The small embedded reader: its data, training, export and evaluation. The shipped programs never import this room."""
