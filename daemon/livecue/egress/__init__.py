"""The way out: which cue or report goes next, when it may, and what became of it.

The choice (`cue_queue`, `airtime`, `merging`), the limits (`limiter`, `breaker`, `gate`) and the
meaning of failures (`verdict`) are pure, with time as an argument; `dispatcher` and `reporter` act.
"""
