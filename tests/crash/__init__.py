"""`python -m tests.crash`: the real job is killed a hundred times and run again each time; nothing may be lost."""
