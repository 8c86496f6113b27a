"""进门: links from the chat into the web pages, and who may sign in there."""
