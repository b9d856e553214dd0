"""Reading: documents of attached sources, page by page."""
