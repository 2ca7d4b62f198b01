"""PIHPS Nasional of Bank Indonesia: daily consumer prices of food by market, city and province."""
