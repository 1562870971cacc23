-- Feeds that are written when somebody posts, in the database of the users.
CREATE TABLE IF NOT EXISTS feeds (
    user_id BIGINT NOT NULL,
    post_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, post_id)
) ENGINE = InnoDB;

-- Users whose feeds are written. A feed is complete from `floor` on; that of a stale feed is the highest number. Each
-- new follow makes the feed stale, and is another version.
CREATE TABLE IF NOT EXISTS feed_heads (
    user_id BIGINT PRIMARY KEY,
    version BIGINT NOT NULL,
    floor BIGINT NOT NULL
) ENGINE = InnoDB;

-- Authors with so many followers that their posts are read with each feed, and not written to it.
CREATE TABLE IF NOT EXISTS popular_authors (
    author_id BIGINT PRIMARY KEY,
    is_leaving BOOLEAN NOT NULL
) ENGINE = InnoDB;

-- Runs of the job that checks feeds and counters.
CREATE TABLE IF NOT EXISTS repairs (
    started_at BIGINT PRIMARY KEY,
    checked_to BIGINT NOT NULL,
    ended_at BIGINT,
    users BIGINT NOT NULL,
    counters BIGINT NOT NULL,
    added BIGINT NOT NULL,
    removed BIGINT NOT NULL
) ENGINE = InnoDB;

-- Posts that may not be in all feeds yet, in the database of the posts.
CREATE TABLE IF NOT EXISTS outbox (
    post_id BIGINT PRIMARY KEY,
    author_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL
) ENGINE = InnoDB;
