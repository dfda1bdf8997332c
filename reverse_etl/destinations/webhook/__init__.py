"""An endpoint of one's own, over HTTP."""
