"""Jobs on several cores (pool), none of which can hang (endless) or take the rest with it (broken)."""
