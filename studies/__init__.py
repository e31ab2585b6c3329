"""Simulated retrains: what the gate and the tables' intervals are held to. No stage of the graph."""
