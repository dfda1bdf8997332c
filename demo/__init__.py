"""Raw tables of an invented omnichannel retailer, with the true identities kept apart."""
