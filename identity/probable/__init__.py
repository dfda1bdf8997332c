"""Links that no record states but that are probable: found with Splink, written as scored pairs, decided by people.

Off unless ``vars: identity_probable`` says otherwise; ``docs/probabilistic.md`` says when it is worth it.
"""
