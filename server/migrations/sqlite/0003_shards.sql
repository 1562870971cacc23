-- The shard map: one row, in the database of the users.
CREATE TABLE shard_map (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    map TEXT NOT NULL
) STRICT;

-- Authors of the posts from before the split, in the database of the users: their identifiers contain no bucket.
CREATE TABLE post_authors (
    post_id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL
) STRICT;

-- Buckets that this shard holds.
CREATE TABLE buckets (
    bucket INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    token INTEGER NOT NULL DEFAULT 0,
    last_post INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Authors of each bucket of this shard.
CREATE TABLE authors (
    bucket INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    PRIMARY KEY (bucket, author_id)
) STRICT, WITHOUT ROWID;

-- Changes of buckets that are about to leave this shard.
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    author_id INTEGER NOT NULL
) STRICT;

CREATE INDEX changes_bucket ON changes (bucket);
