"""The inspector: what agents remember, in a web browser on this machine and nowhere else."""
