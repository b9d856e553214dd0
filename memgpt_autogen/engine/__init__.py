"""The engine: turns of the memory-managing loop, and the only wiring."""
