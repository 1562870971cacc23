-- Feeds that are written when somebody posts, in the database of the users.
CREATE TABLE feeds (
    user_id INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, post_id)
) STRICT, WITHOUT ROWID;

-- Users whose feeds are written. A feed is complete from `floor` on; that of a stale feed is the highest number. Each
-- new follow makes the feed stale, and is another version.
CREATE TABLE feed_heads (
    user_id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    floor INTEGER NOT NULL
) STRICT;

-- Authors with so many followers that their posts are read with each feed, and not written to it.
CREATE TABLE popular_authors (
    author_id INTEGER PRIMARY KEY,
    is_leaving INTEGER NOT NULL
) STRICT;

-- Runs of the job that checks feeds and counters.
CREATE TABLE repairs (
    started_at INTEGER PRIMARY KEY,
    checked_to INTEGER NOT NULL,
    ended_at INTEGER,
    users INTEGER NOT NULL,
    counters INTEGER NOT NULL,
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL
) STRICT;

-- Posts that may not be in all feeds yet, in the database of the posts.
CREATE TABLE outbox (
    post_id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Finds the followers of an author.
CREATE INDEX follows_followee ON follows (followee_id, follower_id);
