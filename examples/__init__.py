"""Worked examples: bring your own data. Only a source pack, a segment and a sync are new; everything downstream is unchanged."""
