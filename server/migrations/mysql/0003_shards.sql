-- The shard map: one row, in the database of the users.
CREATE TABLE IF NOT EXISTS shard_map (
    id TINYINT PRIMARY KEY,
    version BIGINT NOT NULL,
    map MEDIUMTEXT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Authors of the posts from before the split, in the database of the users: their identifiers contain no bucket.
CREATE TABLE IF NOT EXISTS post_authors (
    post_id BIGINT PRIMARY KEY,
    author_id BIGINT NOT NULL
) ENGINE = InnoDB;

-- Buckets that this shard holds.
CREATE TABLE IF NOT EXISTS buckets (
    bucket SMALLINT PRIMARY KEY,
    state TINYINT NOT NULL,
    token BIGINT NOT NULL DEFAULT 0,
    last_post BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB;

-- Authors of each bucket of this shard.
CREATE TABLE IF NOT EXISTS authors (
    bucket SMALLINT NOT NULL,
    author_id BIGINT NOT NULL,
    PRIMARY KEY (bucket, author_id)
) ENGINE = InnoDB;

-- Changes of buckets that are about to leave this shard. A bucket is locked until its change is committed, so the
-- numbers of one bucket ascend in the order of the commits.
CREATE TABLE IF NOT EXISTS changes (
    number BIGINT AUTO_INCREMENT PRIMARY KEY,
    bucket SMALLINT NOT NULL,
    post_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    KEY changes_bucket (bucket)
) ENGINE = InnoDB;
