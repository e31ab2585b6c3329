"""The mathematics: encoder, heads, optimizer and gradient combination, on tensors alone."""
