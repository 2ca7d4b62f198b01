"""Reading: from archived bytes to typed rows by contract. No network, no database."""
