"""What keeps the centre up when more is asked of it than it can do, whether by a fleet or by an attacker."""
