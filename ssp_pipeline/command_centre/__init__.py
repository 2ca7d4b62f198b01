"""The command centre: dashboards behind a login, and the doors to what only few may see. Never open to the public."""
