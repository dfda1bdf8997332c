"""Worked examples: bring your own data. A pack, a segment and a sync are new, everything downstream is unchanged."""
