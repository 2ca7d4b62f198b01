"""Dagster assets, checks, partitions, schedules and sensors, made from contracts and SQL."""
