"""The small embedded reader: its data, training, export, evaluation. The shipped programs never import it."""
