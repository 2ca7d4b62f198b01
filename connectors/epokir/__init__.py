"""E-Pokir: members' proposals as SIPD lists them, and how they move until they are in the budget."""
