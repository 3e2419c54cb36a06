"""Adapters: each module turns one dataset on disk into a `Benchmark` or a `Gallery`."""
