"""Benchmarks: figures that others can run again. Not part of the application and never run by the tests."""
