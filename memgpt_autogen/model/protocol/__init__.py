"""Protocol: how requests and answers are written, for one kind of server and another."""
