"""How people and groups come to Faden, how they sign in, and what they set for themselves."""
