"""The HTTP door: pages, calendar feeds, signed links, and what an operator watches."""
