"""绑定: one person on several channels, bound and taken apart by the person alone."""
