"""What Python does for the identity graph: explain a link, decide one by hand, score likely ones.

The graph itself is stitched in SQL, in ``models/identity`` and ``macros/identity``.
"""
