"""The application: settings, Dagster definitions and the `ssp` command."""
