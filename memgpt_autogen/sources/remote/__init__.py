"""What is loaded from elsewhere than files: web pages, and the rows of databases."""
