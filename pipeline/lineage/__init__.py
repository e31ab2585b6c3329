"""From a model back to what made it, with every hash that can be checked, checked."""
