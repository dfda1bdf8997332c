"""What every destination owes, as one suite of tests, for weft's own destinations and for anybody's."""
