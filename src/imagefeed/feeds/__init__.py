"""Batches in the hands of a framework: what `loader.torch()`, `loader.jax()` and `loader.tf()` give.

Each module imports its framework, and is itself imported only when it is asked for.
"""
