"""How ad platforms want a person's data spelled and hashed: the spellings, and a table per vendor."""
