"""The sync engine: definitions, plan, guards, send, settle and the ledger."""
