"""Who may do what: boxes, people, their secrets, and the audit."""
