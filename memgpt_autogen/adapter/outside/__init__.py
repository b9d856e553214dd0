"""What an agent does outside its turns in chats."""
