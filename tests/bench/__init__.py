"""Figures with bars: `make bench`. Each is a ratio to a floor in the same run, paired and interleaved, for machines are noisy."""
