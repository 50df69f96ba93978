"""Jobs on several cores (pool) or machines (cluster), none of which can hang (endless) or take the rest with it (broken)."""
