"""How the bodies of a page are compressed; negotiated by id."""
