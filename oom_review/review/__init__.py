"""The review: batches of random programs and explorations of situations (jobs), put together as verdicts (review) with what else could have happened (alternatives)."""
