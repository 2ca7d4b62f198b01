"""The province's reference lists: CSV files with their contracts, no code. Another province brings other files."""
