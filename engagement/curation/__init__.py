"""知识维护: staff and leaders look after the knowledge base in a private chat."""
